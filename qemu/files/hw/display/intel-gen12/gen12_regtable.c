/*
 * Intel Gen12 GPU: registers that only hold a value
 *
 * Fuses, workaround and configuration registers, which have no effect in the
 * model.  Names follow Volume 2c, where it has the register.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"

#define MASKED  .flags = GEN12_REG_MASKED
#define CTX     .flags = GEN12_REG_CTX
#define CTX_M   .flags = GEN12_REG_CTX | GEN12_REG_MASKED
#define USER    .flags = GEN12_REG_USER
#define CTX_USER .flags = GEN12_REG_CTX | GEN12_REG_USER
#define RO      .ro = UINT32_MAX

/* Registers of every engine, relative to its base */
static const Gen12RegInfo engine_regs[] = {
    { "EXCC", RING_EXCC, MASKED },
    { "RING_START", RING_START },
    { "RING_CTL", RING_CTL },
    { "PSMI_CTL", RING_PSMI_CTL, MASKED },
    { "PWRCTX_MAXCNT", 0x054 },
    { "ACTHD_UDW", RING_ACTHD_UDW, RO },
    { "DMA_FADD_UDW", RING_DMA_FADD_UDW, RO },
    { "IPEIR", RING_IPEIR },
    { "IPEHR", RING_IPEHR, RO },
    { "INSTDONE", RING_INSTDONE, .reset = UINT32_MAX, RO },
    { "INSTPS", 0x070, RO },
    { "ACTHD", RING_ACTHD, RO },
    { "DMA_FADD", RING_DMA_FADD, RO },
    { "HWS_PGA", RING_HWS_PGA },
    { "CMD_BUF_CCTL", RING_CMD_BUF_CCTL },
    { "RING_ID", 0x08c, RO },
    { "NOPID", RING_NOPID, .ro = UINT32_MAX },
    { "HWSTAM", 0x098 },
    { "IMR", RING_IMR, .reset = UINT32_MAX },
    { "STATE_ACK_DEBUG", 0x0bc, RO },
    { "INSTPM", RING_INSTPM, MASKED },
    { "CMD_CCTL", 0x0c4, MASKED },
    { "R_PWR_CLK_STATE", RING_PWR_CLK_STATE },
    { "FF_DOP_CLOCK_GATING", 0x0d4, MASKED },
    { "CS_DEBUG_MODE2", 0x0d8, CTX_USER | GEN12_REG_MASKED },
    { "CS_DEBUG_MODE1", 0x0ec, MASKED },
    { "FF_SLICE_CS_CHICKEN1", 0x0e0, MASKED },
    { "FF_SLICE_CS_CHICKEN2", 0x0e4, MASKED },
    { "FF_SLICE_CS_CHICKEN3", 0x0e8, MASKED },
    { "BB_STATE", RING_BB_STATE },
    { "SBB_ADDR", RING_SBB_ADDR, CTX },
    { "SBB_STATE", RING_SBB_STATE, CTX },
    { "SBB_ADDR_UDW", RING_SBB_ADDR_UDW, CTX },
    { "BB_ADDR", RING_BB_ADDR },
    { "BB_START_ADDR", RING_BB_START_ADDR, 2 },
    { "BB_OFFSET", RING_BB_OFFSET },
    { "BB_ADDR_UDW", RING_BB_ADDR_UDW },
    { "BB_PREEMPT_ADDR", RING_BB_PREEMPT_ADDR },
    { "PR_CTR_CTL", RING_PR_CTR_CTL },
    { "PR_CTR_THRSH", RING_PR_CTR_THRSH },
    { "CCID", RING_CCID },
    { "CTXT_PREMP_DBG", RING_CTXT_PREMP_DBG },
    { "BB_PER_CTX_PTR", RING_BB_PER_CTX_PTR },
    { "INDIRECT_CTX", RING_INDIRECT_CTX },
    { "INDIRECT_CTX_OFFSET", RING_INDIRECT_CTX_OFFSET },
    { "ECOSKPD", 0x1d0, MASKED },
    { "BLIT_SWCTRL", 0x200, CTX_USER | GEN12_REG_MASKED },
    { "BLIT_CCTL", 0x204, CTX_USER },
    { "CSCMDOP", 0x20c, RO },
    { "PP_DIR_DCLV", 0x220, 2 },
    { "CTX_CONTROL", RING_CTX_CONTROL, MASKED },
    { "SEMA_WAIT_POLL", 0x24c },
    { "PDP", RING_PDP(0), 8 },
    { "MODE", RING_MODE, MASKED },
    { "CTX_SEMAPHORE_TOKEN", RING_CTX_SEMAPHORE_TOKEN },
    { "PREDICATE_RESULT", 0x3b8 },
    { "PREDICATE_RESULT_2", RING_PREDICATE_RESULT_2, CTX_USER },
    { "MI_PREDICATE_SRC0", RING_PREDICATE_SRC0, 2, CTX_USER },
    { "MI_PREDICATE_SRC1", RING_PREDICATE_SRC1, 2, CTX_USER },
    { "MI_PREDICATE_DATA", RING_PREDICATE_DATA, 2, CTX_USER },
    { "MI_PREDICATE_RESULT", RING_PREDICATE_RESULT, CTX_USER },
    { "MI_PREDICATE_RESULT_1", RING_PREDICATE_RESULT_1, USER },
    { "FORCE_TO_NONPRIV", RING_FORCE_TO_NONPRIV, NONPRIV_SLOTS,
      .reset = 0x2094 },
    { "CS_CHICKEN1", 0x580, CTX_M },
    { "CTX_NOP", RING_CTX_NOP },
    { "OA_CTX_CONTROL", RING_OA_CTX_CONTROL, 2 },
    { "CS_GPR", RING_GPR, 2 * GEN12_GPRS, USER },
};

/* Registers of the render engine */
static const Gen12RegInfo render_regs[] = {
    { "PGTBL_ER", 0x02024 },
    { "AUX_TABLE_BASE", 0x04200, 2, CTX_USER },
    { "FF_THREAD_MODE", 0x020a0 },
    { "PIPELINE_STATISTICS", 0x02310, 14, CTX_USER },
    { "PS_INVOCATION_COUNT", 0x02348, 2 },
    { "PS_DEPTH_COUNT", 0x02350, 2 },
    { "SO_NUM_PRIMS_WRITTEN", 0x05200, 8, CTX_USER },
    { "SO_PRIM_STORAGE_NEEDED", 0x05240, 8, CTX_USER },
    { "SO_WRITE_OFFSET", 0x05280, 4, CTX_USER },
    { "FF_MODE2", 0x06604, CTX },
    { "CACHE_MODE_0", 0x07000, CTX_M },
    { "CACHE_MODE_1", 0x07004, CTX_M },
    { "COMMON_SLICE_CHICKEN1", 0x07010, CTX_M },
    { "COMMON_SLICE_CHICKEN2", 0x07014, CTX_M },
    { "HIZ_CHICKEN", 0x07018, CTX_M },
    { "SC_INSTDONE", 0x07100, 3, .reset = UINT32_MAX, RO },
    { "COMMON_SLICE_CHICKEN4", 0x07300, CTX_M },
    { "COMMON_SLICE_CHICKEN3", 0x07304, CTX_M },
    { "SLICE_COMMON_ECO_CHICKEN1", 0x0731c, CTX_M },
    { "SCRATCH1", 0x0b038 },
    { "HALF_SLICE_CHICKEN", 0x0e100, MASKED },
    { "HALF_SLICE_CHICKEN7", 0x0e194, MASKED },
    { "SAMPLER_INSTDONE", 0x0e160, .reset = UINT32_MAX, RO },
    { "ROW_INSTDONE", 0x0e164, .reset = UINT32_MAX, RO },
    { "SAMPLER_MODE", 0x0e18c, MASKED },
    { "ROW_CHICKEN5", 0x0e180, MASKED },
    { "HALF_SLICE_CHICKEN2", 0x0e184, MASKED },
    { "HALF_SLICE_CHICKEN5", 0x0e188, MASKED },
    { "ROW_CHICKEN4", 0x0e48c, MASKED },
    { "CACHE_MODE_SS", 0x0e420, MASKED },
    { "ROW_CHICKEN3", 0x0e49c, MASKED },
    { "EU_PERF_CNTL", 0x0e458, 1 },
    { "ROW_CHICKEN", 0x0e4f0, MASKED },
    { "ROW_CHICKEN2", 0x0e4f4, MASKED },
    { "TD_CTL", 0x0e400 },
    { "EU_GLOBAL_SIP", 0x0e42c },
};

static const Gen12RegInfo video_regs[] = {
    { "VCS_SFC_FORCED_LOCK", 0x088c },
    { "VCS_SFC_LOCK_STATUS", 0x0890, RO },
    { "HCP_SFC_LOCK_STATUS", 0x2914, RO },
    { "VDBOX_CGCTL3F10", 0x3f10 },
    { "VDBOX_CGCTL3F18", 0x3f18 },
    { "VDBOX_CGCTL3F1C", 0x3f1c },
};

static const Gen12RegInfo video_enhance_regs[] = {
    { "VECS_SFC_FORCED_LOCK", 0x201c },
    { "VECS_SFC_LOCK_ACK", 0x2018, RO },
    { "VECS_SFC_USAGE", 0x2014, RO },
};

static const Gen12RegInfo global_regs[] = {
    /* Clocks and fuses of a GT2: one slice, six dual subslices */
    { "RPM_CONFIG0", RPM_CONFIG0, .reset = RPM_CONFIG0_19_2_MHZ, RO },
    { "RPM_CONFIG1", 0x00d04 },
    { "CTC_MODE", 0x0a26c },
    { "MIRROR_FUSE3", 0x09118, RO },
    { "MIRROR_EU_DISABLE", 0x09134, RO },
    { "MIRROR_GT_SLICE_EN", 0x09138, .reset = 1, RO },
    { "MIRROR_GT_DSS_ENABLE", 0x0913c, .reset = 0x3f, RO },
    { "MIRROR_GT_VDBOX_VEBOX_DISABLE", 0x09140, RO },
    { "RP_STATE_CAP", RP_STATE_CAP, .reset = 0x0002081a, RO },

    /* Memory interface and caches */
    { "GFX_MOCS", 0x04000, 64 },
    { "LNCF_MOCS", 0x0b020, 32 },
    { "MOCS_PAT_INDEX", 0x04800, 8, .reset = 3 },
    { "AUX_TABLE_BASE_VD0", 0x04210, 2 },
    { "AUX_TABLE_BASE_VE0", 0x04230, 2 },
    { "AUX_TABLE_BASE_BCS", 0x04240, 2 },
    { "AUX_TABLE_BASE_VD2", 0x04290, 2 },
    { "AUX_ERR_DBG", 0x043f4, RO },
    { "L3ALLOC", 0x0b134, USER },
    { "L3SQCREG1", 0x0b100 },
    { "GARBCNTL", 0x0b004 },
    { "SCRATCH_LNCF1", 0x0b008 },
    { "LNCF_CMI", 0x0b01c, MASKED },
    { "FAULT_TLB_DATA", FAULT_TLB_DATA0, 2, RO },
    { "RING_FAULT_REG", RING_FAULT_REG },
    { "GAMT_CHKN", 0x04ab8 },
    { "SQCNT1", 0x08718 },
    { "GAM_DONE", 0x0cf68, .reset = UINT32_MAX, RO },
    { "SFC_DONE_0", 0x1cc000, .reset = UINT32_MAX, RO },
    { "SFC_DONE_1", 0x1cd000, .reset = UINT32_MAX, RO },
    { "MCR_SELECTOR", 0x00fdc },

    /* Clock gating and workarounds */
    { "UNSLICE_UNIT_LEVEL_CLKGATE", 0x09434 },
    { "UNSLICE_UNIT_LEVEL_CLKGATE2", 0x094e4 },
    { "SUBSLICE_UNIT_LEVEL_CLKGATE", 0x09524 },
    { "SLICE_UNIT_LEVEL_CLKGATE", 0x094d4 },
    { "SUBSLICE_UNIT_LEVEL_CLKGATE2", 0x09528 },
    { "MISCCPCTL", 0x09424 },
    { "DFR_RATIO_EN_AND_CHICKEN", 0x09550 },
    { "CPSS", 0x09f04 },
    { "VFG_PREEMPTION_CHICKEN", 0x083b4, MASKED },
    { "FF_CHICKEN_83A4", 0x083a4, 2, MASKED },

    /* Pending forcewake messages: there are none */
    { "MSG_IDLE_CS", MSG_IDLE_CS, RO },
    { "MSG_IDLE_VCS0", MSG_IDLE_VCS0, RO },
    { "MSG_IDLE_BCS", MSG_IDLE_BCS, RO },
    { "MSG_IDLE_VECS0", MSG_IDLE_VECS0, RO },
    { "MSG_IDLE_VCS2", MSG_IDLE_VCS2, RO },

    /* Power gates: all slices and EUs that are not fused off are on */
    { "SLICE0_PGCTL_ACK", 0x0804c, .reset = 0x1555, RO },
    { "SS01_EU_PGCTL_ACK", 0x0805c, 2, .reset = 0x5555, RO },

    /* Power and frequency: thresholds, limits */
    { "RP_UP_THRESHOLD", 0x0a02c },
    { "RP_DOWN_THRESHOLD", 0x0a030 },
    { "RP_IDLE_HYSTERESIS", 0x0a070 },
    { "RP_INTERRUPT_LIMITS", 0x0a014 },
    { "RP_DOWN_TIMEOUT", 0x0a010 },
    { "RC6_WAKE_RATE_LIMIT", 0x0a098 },
    { "RC6_WAKE_RATE_LIMIT_2", 0x0a09c },
    { "MEDIA_WAKE_RATE_LIMIT", 0x0a0a0 },
    { "RC_EVALUATION_INTERVAL", 0x0a0a8 },
    { "RC_IDLE_HYSTERESIS", 0x0a0ac },
    { "RC_SLEEP", 0x0a0b0 },
    { "RC6_CTX_INFO", 0x08504 },
    { "RC6_THRESHOLD", 0x0a0b8 },
    { "MEDIA_PG_IDLE_HYSTERESIS", 0x0a0c4 },
    { "RENDER_PG_IDLE_HYSTERESIS", 0x0a0c8 },
    { "PMINTRMSK", 0x0a168 },
    { "PG_ENABLE", 0x0a210 },
    { "GT_PERF_LIMIT_REASONS", 0x1381a8, RO },
    { "FREQ_INFO", 0x145ef0, .reset = 0x0700, RO }, /* efficient: 350 MHz */
    { "GT_PERF_STATUS", 0x145948, RO },
    { "RP_STATE_LIMITS", 0x145994, .reset = 0xff, RO },
    { "VIDEO_FREQUENCY", 0x145e04, RO },

    /* GuC: held in reset, and without a WOPCM */
    { "GUC_STATUS", 0x0c000, .reset = 1, RO },
    { "GUC_WOPCM_SIZE", 0x0c050 },
    { "GUC_WOPCM_OFFSET", 0x0c340 },
    { "GUC_SHIM_CONTROL", 0x0c064 },
    { "GUC_MAX_IDLE_COUNT", 0x0c3e4 },
    { "GUCPM_TIMESTAMP", 0x0c3e8, RO },

    /* Observation architecture: no counters, so no reports */
    { "OAR_OACONTROL", 0x02960 },
    { "OAR_OASTATUS", 0x02968 },
    { "OAG_OAGLBCTXCTRL", 0x02b28 },
    { "OAG_OACONTROL", 0x0daf4 },
    { "OAG_OA_DEBUG", 0x0daf8 },
    { "OAG_OASTATUS", 0x0dafc },
    { "OAG_OAHEADPTR", 0x0db00 },
    { "OAG_OATAILPTR", 0x0db04 },
    { "OAG_OABUFFER", 0x0db08 },

    /* System agent */
    { "EDRAM_CAP", 0x120010, RO },
    { "CLKREQ_POLICY", 0x101038 },

    /* Protected content: sessions are not modelled */
    { "KCR_INIT", 0x320f0, MASKED },

    /* Display: all pipes are fused off, but drivers access these registers */
    { "VGA_CONTROL", 0x41000 },
    { "FUSE_STATUS", 0x42000, .reset = 0x8fc00000, RO },
    { "FPGA_DBG", 0x42300 },
    { "CHICKEN_PAR1", 0x42080 },
    { "DISPLAY_CHICKEN", 0x43224 },
    { "DISPLAY_INTR_CTL", 0x44200 },
    { "DE_MISC_IER", 0x4446c },
    { "PCU_ISR", 0x444e0, RO },
    { "PCU_IMR", 0x444e4, .reset = UINT32_MAX },
    { "PCU_IIR", 0x444e8, .w1c = UINT32_MAX },
    { "PCU_IER", 0x444ec },
    { "GU_MISC_ISR", 0x444f0, RO },
    { "GU_MISC_IMR", 0x444f4, .reset = UINT32_MAX },
    { "GU_MISC_IIR", 0x444f8, .w1c = UINT32_MAX },
    { "GU_MISC_IER", 0x444fc },
    { "DC_STATE_EN", 0x45504 },
    { "NDE_RSTWRN_OPT", 0x46408 },
    { "DFSM", 0x51000, .reset = 0x5ae00080, RO },
    { "VGT_MAGIC", 0x78000, 2, RO },
    { "SOUTH_CHICKEN1", 0xc2000 },
    { "SFUSE_STRAP", 0xc2014, RO },
    { "SOUTH_DSPCLK_GATE", 0xc2020 },
    { "SDE_ISR", 0xc4000, RO },
    { "SDE_IMR", 0xc4004, .reset = UINT32_MAX },
    { "SDE_IIR", 0xc4008, .w1c = UINT32_MAX },
    { "SDE_IER", 0xc400c },
    { "PP_CONTROL", 0xc6204 },
};

void gen12_regtable_add(Gen12State *s)
{
    gen12_mmio_add(s, NULL, 0, global_regs, ARRAY_SIZE(global_regs));
}

void gen12_regtable_add_engine(Gen12State *s, Gen12Engine *e)
{
    gen12_mmio_add(s, e, e->info->base, engine_regs, ARRAY_SIZE(engine_regs));
    switch (e->info->class) {
    case GEN12_CLASS_RENDER:
        gen12_mmio_add(s, e, 0, render_regs, ARRAY_SIZE(render_regs));
        break;
    case GEN12_CLASS_VIDEO:
        gen12_mmio_add(s, e, e->info->base, video_regs,
                       ARRAY_SIZE(video_regs));
        break;
    case GEN12_CLASS_VIDEO_ENHANCE:
        gen12_mmio_add(s, e, e->info->base, video_enhance_regs,
                       ARRAY_SIZE(video_enhance_regs));
        break;
    default:
        break;
    }
}
