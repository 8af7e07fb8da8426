/*
 * Intel Gen12 GPU: registers
 *
 * Offsets and bits of the registers that have a behaviour in the model; the
 * other registers are rows of gen12_regtable.c alone.  Names follow the
 * Programmer's Reference Manual for the 2020 Core processors (Tiger Lake),
 * Volume 2c "Command Reference: Registers".
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INTEL_GEN12_REGS_H
#define INTEL_GEN12_REGS_H

#include "qemu/bitops.h"

/* BAR 0: registers, then the graphics translation table (GSM) */
#define GEN12_MMIO_SIZE             (8 * MiB)
#define GEN12_GSM_OFFSET            (8 * MiB)
#define GEN12_GSM_SIZE              (8 * MiB)
#define GEN12_APERTURE_SIZE         (256 * MiB)

/* PCI configuration space */
#define GEN12_PCI_GGC               0x50    /* GGTT size, stolen memory size */
#define   GGC_GGMS_8M               0x00c0
#define GEN12_PCI_EXPRESS           0x70    /* capabilities */
#define GEN12_PCI_MSI               0xac
#define GEN12_PCI_BDSM              0xc0    /* base of stolen memory */

/*
 * Engine registers, relative to the engine's base
 */
#define GEN12_CS_REGS_SIZE          0x800
#define RING_EXCC                   0x028
#define RING_TAIL                   0x030
#define   RING_TAIL_MASK            0x001ffff8
#define RING_HEAD                   0x034
#define   RING_HEAD_MASK            0x001ffffc
#define   RING_HEAD_WRAP            0x00200000
#define RING_START                  0x038
#define RING_CTL                    0x03c
#define   RING_CTL_PAGES            0x001ff000
#define   RING_CTL_WAIT_SEMAPHORE   BIT(10)
#define   RING_CTL_VALID            BIT(0)
#define RING_PSMI_CTL               0x050
#define RING_ACTHD_UDW              0x05c
#define RING_DMA_FADD_UDW           0x060
#define RING_IPEIR                  0x064
#define RING_IPEHR                  0x068
#define RING_INSTDONE               0x06c
#define RING_ACTHD                  0x074
#define RING_DMA_FADD               0x078
#define RING_HWS_PGA                0x080
#define   HWS_PGA_ADDR              0xfffff000u
#define RING_CMD_BUF_CCTL           0x084
#define RING_NOPID                  0x094
#define RING_MI_MODE                0x09c
#define   MI_MODE_STOP_RING         BIT(8)
#define   MI_MODE_IDLE              BIT(9)
#define RING_IMR                    0x0a8
#define RING_EIR                    0x0b0
#define RING_EMR                    0x0b4
#define RING_ESR                    0x0b8
#define   ERROR_INSTRUCTION         BIT(0)
#define   ERROR_PRIVILEGE           BIT(2)
#define RING_INSTPM                 0x0c0
#define RING_PWR_CLK_STATE          0x0c8
#define RING_RESET_CTL              0x0d0
#define   RESET_CTL_REQUEST         BIT(0)
#define   RESET_CTL_READY           BIT(1)
#define   RESET_CTL_CAT_ERROR       BIT(2)
#define RING_BB_STATE               0x110
#define   BB_STATE_PPGTT            BIT(5)
#define RING_SBB_ADDR               0x114
#define RING_SBB_STATE              0x118
#define RING_SBB_ADDR_UDW           0x11c
#define RING_BB_ADDR                0x140
#define   BB_ADDR_VALID             BIT(0)
#define RING_BB_START_ADDR          0x150
#define RING_BB_START_ADDR_UDW      0x154
#define RING_BB_OFFSET              0x158
#define RING_BB_ADDR_UDW            0x168
#define RING_BB_PREEMPT_ADDR        0x170
#define RING_PR_CTR_CTL             0x178
#define RING_PR_CTR_THRSH           0x17c
#define RING_CCID                   0x180
#define RING_CTXT_PREMP_DBG         0x1b0
#define RING_BB_PER_CTX_PTR         0x1c0
#define   BB_PER_CTX_VALID          BIT(0)
#define   BB_PER_CTX_ADDR           0xfffff000
#define RING_INDIRECT_CTX           0x1c4
#define   INDIRECT_CTX_ADDR         0xffffffc0
#define   INDIRECT_CTX_LINES        0x0000003f
#define RING_INDIRECT_CTX_OFFSET    0x1c8
#define RING_EXECLIST_STATUS        0x234
#define   EXECLIST_STATUS_VALID     BIT(0)
#define   EXECLIST_STATUS_LOADING   BIT(1)  /* a queue is pending */
#define RING_EXECLIST_STATUS_UDW    0x238
#define RING_CTX_CONTROL            0x244
#define   CTX_CTRL_RESTORE_INHIBIT  BIT(0)
#define RING_PDP(n)                 (0x270 + 8 * (n))
#define RING_PDP_UDW(n)             (0x274 + 8 * (n))
#define RING_MODE                   0x29c
#define RING_CTX_SEMAPHORE_TOKEN    0x2b4
#define RING_TIMESTAMP              0x358
#define RING_TIMESTAMP_UDW          0x35c
#define RING_CSB                    0x370   /* entries 0 to 5 */
#define RING_CSB_PTR                0x3a0
#define   CSB_PTR_MASK              0x0f
#define   CSB_PTR_READ_SHIFT        8
#define RING_CTX_TIMESTAMP          0x3a8
#define RING_PREDICATE_RESULT_2     0x3bc
#define RING_CSB_2                  0x3c0   /* entries 6 to 11 */
#define   PREDICATE_TRUE            BIT(0)  /* in the three results */
#define RING_PREDICATE_SRC0         0x400
#define RING_PREDICATE_SRC1         0x408
#define RING_PREDICATE_DATA         0x410
#define RING_PREDICATE_RESULT       0x418
#define RING_PREDICATE_RESULT_1     0x41c
#define RING_FORCE_TO_NONPRIV       0x4d0
#define   NONPRIV_SLOTS             12
#define   NONPRIV_ADDRESS           0x03fffffc
#define   NONPRIV_RANGE             0x00000003
#define   NONPRIV_ACCESS            (3u << 28)
#define   NONPRIV_ACCESS_RD         (1u << 28)
#define   NONPRIV_ACCESS_WR         (2u << 28)
#define   NONPRIV_DENY              BIT(30)
#define RING_ELSQ                   0x510
#define   ELSQ_ENTRIES              2       /* i915 uses two of the eight */
#define RING_EL_CONTROL             0x550
#define   EL_CONTROL_LOAD           BIT(0)
#define RING_CTX_NOP                0x588
#define RING_OA_CTX_CONTROL         0x5a8
#define RING_OA_CTX_ID              0x5ac
#define RING_GPR                    0x600
#define   GEN12_GPRS                16

/*
 * Fields that several commands have
 */
#define MI_REG_OFFSET               0x007ffffc  /* of a register */
#define HWSP_OFFSET_DWORD           0x00000ffc  /* in a status page */
#define HWSP_OFFSET_QWORD           0x00000ff8

/* Context descriptor, an entry of the ELSQ */
#define CTX_DESC_VALID              BIT_ULL(0)
#define CTX_DESC_FORCE_RESTORE      BIT_ULL(2)
#define CTX_DESC_LRCA               0xfffff000u
#define CTX_DESC_SW_ID(desc)        extract64(desc, 37, 11)
#define CTX_DESC_INSTANCE(desc)     extract64(desc, 48, 6)
#define CTX_DESC_COUNTER(desc)      extract64(desc, 55, 6)
#define CTX_DESC_CLASS(desc)        extract64(desc, 61, 3)

/*
 * Context status buffer: 12 entries in the hardware status page and in
 * registers.  The write pointer is the index of the last entry written.
 */
#define GEN12_CSB_ENTRIES           12
#define HWSP_CSB                    0x040
#define HWSP_CSB_WRITE_PTR          0x0bc
#define CSB_SW_ID_SHIFT             15      /* in either dword */
#define   CSB_IDLE_ID               0x7ff
#define CSB_COUNTER_SHIFT           26
#define CSB_INSTANCE_SHIFT          6       /* in the lower dword */
#define CSB_CLASS_SHIFT             3
#define CSB_NEW_QUEUE               BIT(0)
#define CSB_DETAIL_COMPLETE         0
#define CSB_DETAIL_PREEMPTED        5

/*
 * GT registers
 */
#define RPM_CONFIG0                 0x00d00
#define   RPM_CONFIG0_19_2_MHZ      0x0e    /* 19.2 MHz crystal, shift 3 */
#define FORCEWAKE_ACK_MEDIA_VDBOX(n) (0x00d50 + 4 * (n))
#define FORCEWAKE_ACK_MEDIA_VEBOX(n) (0x00d70 + 4 * (n))
#define FORCEWAKE_ACK_RENDER        0x00d84
#define FORCEWAKE_MEDIA_VDBOX(n)    (0x0a540 + 4 * (n))
#define FORCEWAKE_MEDIA_VEBOX(n)    (0x0a560 + 4 * (n))
#define FORCEWAKE_GT                0x0a188
#define FORCEWAKE_ACK_GT            0x130044
#define FORCEWAKE_RENDER            0x0a278

#define MSG_IDLE_CS                 0x08000
#define MSG_IDLE_VCS0               0x08004
#define MSG_IDLE_BCS                0x0800c
#define MSG_IDLE_VECS0              0x08010
#define MSG_IDLE_VCS2               0x080c0

#define GDRST                       0x0941c
#define   GDRST_FULL                BIT(0)
#define   GDRST_GUC                 BIT(3)

#define RPNSWREQ                    0x0a008
#define   RPNSWREQ_RATIO            0xff800000
#define   RPNSWREQ_RATIO_SHIFT      23
#define RPSTAT1                     0x0a01c
#define RPSTAT1_GEN12               0x1381b4
#define   RPSTAT1_CAGF_SHIFT        11      /* current ratio, 19:11 */
#define RP_CONTROL                  0x0a024
#define   RP_CONTROL_ENABLE         BIT(7)
#define RP_CUR_UP_EI                0x0a050
#define RP_CUR_UP                   0x0a054
#define RP_PREV_UP                  0x0a058
#define RP_CUR_DOWN_EI              0x0a05c
#define RP_CUR_DOWN                 0x0a060
#define RP_PREV_DOWN                0x0a064
#define RP_UP_EI                    0x0a068
#define RP_DOWN_EI                  0x0a06c
#define RC_CONTROL                  0x0a090
#define   RC_CONTROL_RC6_ENABLE     BIT(18)
#define   RC_CONTROL_HW_ENABLE      BIT(31)
#define RC_STATE                    0x0a094
#define   RC_STATE_RC6              BIT(18)
#define GT_GFX_RC6                  0x138108
#define GT_CORE_STATUS              0x138060
#define   GT_CORE_STATUS_RC6        3
#define PWRGT_DOMAIN_STATUS         0x0a2a0
#define   PWRGT_MEDIA_UP            BIT(0)
#define   PWRGT_RENDER_UP           BIT(1)

#define PCODE_MAILBOX               0x138124
#define   PCODE_READY               BIT(31)
#define   PCODE_COMMAND             0x000000ff
#define   PCODE_ILLEGAL_COMMAND     0x01
#define PCODE_DATA0                 0x138128
#define PCODE_DATA1                 0x13812c
#define RP_STATE_CAP                0x145998

#define GFX_FLSH_CNTL               0x101008

#define FAULT_TLB_DATA0             0x0ceb8
#define FAULT_TLB_DATA1             0x0cebc
#define   FAULT_DATA1_GGTT          BIT(4)
#define RING_FAULT_REG              0x0cec4
#define   RING_FAULT_VALID          BIT(0)
#define   RING_FAULT_TYPE_SHIFT     1
#define   RING_FAULT_GGTT           BIT(11)
#define   RING_FAULT_ENGINE_SHIFT   12
#define GFX_TLB_INV_CR              0x0ced8
#define VD_TLB_INV_CR               0x0cedc
#define VE_TLB_INV_CR               0x0cee0
#define BLT_TLB_INV_CR              0x0cee4
#define OA_TLB_INV_CR               0x0ceec
#define COMPCTX_TLB_INV_CR          0x0cf04

#define FENCE_REG(n)                (0x100000 + 8 * (n))
#define   GEN12_FENCES              32
#define   FENCE_ADDR                0xfffff000
#define   FENCE_PITCH(upper)        (128 * (extract32(upper, 0, 12) + 1))
#define   FENCE_VALID               BIT(0)
#define   FENCE_TILE_Y              BIT(1)

/* Local memory (DG1).  The GSM and the stolen memory are at its top. */
#define GU_CNTL_PROTECTED           0x10100c
#define GU_CNTL                     0x101010
#define   GU_CNTL_LMEM_INIT         BIT(7)  /* firmware has set it up */
#define DSMBASE                     0x1080c0
#define GSMBASE                     0x108100
#define STOLEN_RESERVED             0x1082c0
#define   STOLEN_RESERVED_2M        (1 << 7)

/*
 * Graphics interrupts (Volume 2c, "GFX_MSTR_INTR" and what follows)
 */
#define MSTR_TILE_INTR              0x190008    /* DG1 */
#define   MSTR_TILE_0               BIT(0)
#define GFX_MSTR_INTR               0x190010
#define   MSTR_ENABLE               BIT(31) /* in both masters */
#define   MSTR_GT_DW(bank)          BIT(bank)
#define GT_INTR_DW(bank)            (0x190018 + 4 * (bank))
#define   GT_INTR_BANKS             2
#define RENDER_COPY_INTR_ENABLE     0x190030
#define VCS_VECS_INTR_ENABLE        0x190034
#define GPM_WGBOXPERF_INTR_ENABLE   0x19003c
#define INTR_IDENTITY_REG(bank)     (0x190060 + 4 * (bank))
#define   INTR_IDENTITY_VALID       BIT(31)
#define   INTR_IDENTITY_INSTANCE_SHIFT 20
#define   INTR_IDENTITY_CLASS_SHIFT 16
#define   INTR_IDENTITY_EVENTS      0x0000ffff
#define IIR_REG_SELECTOR(bank)      (0x190070 + 4 * (bank))
#define RCS0_INTR_MASK              0x190090
#define BCS_INTR_MASK               0x1900a0
#define VCS0_VCS1_INTR_MASK         0x1900a8
#define VCS2_VCS3_INTR_MASK         0x1900ac
#define VECS0_VECS1_INTR_MASK       0x1900d0
#define GPM_WGBOXPERF_INTR_MASK     0x1900ec

/* Interrupt bits of an engine */
#define INTR_USER                   BIT(0)
#define INTR_CS_ERROR               BIT(3)
#define INTR_PIPE_CONTROL           BIT(4)
#define INTR_CONTEXT_SWITCH         BIT(8)
#define INTR_WAIT_SEMAPHORE         BIT(11)

/*
 * Page tables (Volume 7 "Memory Views")
 */
#define GEN12_PTE_PRESENT           BIT_ULL(0)
#define GEN12_PTE_NULL              BIT_ULL(9)
#define GEN12_PTE_ADDR              0x00003ffffffff000ull
#define GEN12_GGTT_LOCAL            BIT_ULL(1)  /* DG1: in local memory */
#define GEN12_PPGTT_LOCAL           BIT_ULL(11) /* DG1, in a leaf: the same */
#define GEN12_PDE_LARGE             BIT_ULL(7)  /* a leaf: 2 MiB or 1 GiB */
#define GEN12_PDE_64K               BIT_ULL(11)

#endif
