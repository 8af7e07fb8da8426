/*
 * QTest of the Intel Gen12 GPU: a minimal driver
 *
 * It provides memory, GGTT and PPGTT mappings, contexts with a ring, batches,
 * and submission.  Its offsets and layouts are taken from the PRM, not from
 * the model.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INTEL_GEN12_GPU_H
#define INTEL_GEN12_GPU_H

#include "libqtest.h"
#include "libqos/pci.h"
#include "qemu/bitops.h"
#include "qemu/units.h"

#define PAGE_BYTES      4096

/* Set in the address of local memory */
#define GPU_LOCAL       BIT_ULL(62)

/* What differs between the devices */
typedef struct GpuPlatform {
    const char *name;
    const char *device;
    const char *options;        /* of the device, before a test's own */
    bool local;                 /* tests use local memory by default */
    uint32_t irq_master;        /* register that enables MSIs */
} GpuPlatform;

extern const GpuPlatform gpu_tiger_lake, gpu_dg1;

typedef enum GpuEngineId {
    RCS0, BCS0, VCS0, VCS2, VECS0, GPU_ENGINES
} GpuEngineId;

typedef struct GpuEngine {
    const char *name;
    uint32_t base;              /* of its registers */
    unsigned class, instance;
    unsigned bank, bit;         /* in GT_INTR_DW */
    uint32_t gdrst;             /* its bit in GDRST */
    uint32_t tlb_inv;           /* register and bit */
    uint32_t tlb_inv_bit;
    unsigned fault_id;          /* in RING_FAULT_REG */
} GpuEngine;

extern const GpuEngine gpu_engines[GPU_ENGINES];

/* Engine registers */
#define RING_TAIL               0x030
#define RING_HEAD               0x034
#define RING_START              0x038
#define RING_CTL                0x03c
#define RING_IPEHR              0x068
#define RING_ACTHD              0x074
#define RING_HWS_PGA            0x080
#define RING_MI_MODE            0x09c
#define   STOP_RING             BIT(8)
#define   MODE_IDLE             BIT(9)
#define RING_EIR                0x0b0
#define RING_EMR                0x0b4
#define RING_ESR                0x0b8
#define   ERROR_INSTRUCTION     BIT(0)
#define RING_RESET_CTL          0x0d0
#define   RESET_REQUEST         BIT(0)
#define   RESET_READY           BIT(1)
#define RING_EXECLIST_STATUS    0x234
#define RING_CSB                0x370
#define RING_CSB_PTR            0x3a0
#define RING_PREDICATE_RESULT_2 0x3bc
#define RING_PREDICATE_SRC0     0x400       /* then SRC1, DATA: 64 bits each */
#define RING_PREDICATE_RESULT   0x418
#define RING_PREDICATE_RESULT_1 0x41c
#define RING_FORCE_TO_NONPRIV   0x4d0
#define RING_ELSQ               0x510
#define RING_EL_CONTROL         0x550
#define RING_GPR(n)             (0x600 + 8 * (n))
#define RING_TIMESTAMP          0x358

/* GT registers */
#define GDRST                   0x941c
#define   GDRST_FULL            BIT(0)
#define FAULT_TLB_DATA0         0xceb8
#define FAULT_TLB_DATA1         0xcebc
#define RING_FAULT_REG          0xcec4
#define   FAULT_VALID           BIT(0)
#define   FAULT_TYPE(reg)       extract32(reg, 1, 2)
#define   FAULT_GGTT            BIT(11)
#define   FAULT_ENGINE(reg)     extract32(reg, 12, 3)
#define GFX_FLSH_CNTL           0x101008
#define MSTR_TILE_INTR          0x190008    /* DG1 */
#define GFX_MSTR_INTR           0x190010
#define   MSTR_ENABLE           BIT(31)
#define GT_INTR_DW(bank)        (0x190018 + 4 * (bank))
#define INTR_IDENTITY(bank)     (0x190060 + 4 * (bank))
#define   IDENTITY_VALID        BIT(31)
#define IIR_SELECTOR(bank)      (0x190070 + 4 * (bank))
#define   INTR_USER             BIT(0)
#define   INTR_CS_ERROR         BIT(3)
#define   INTR_CONTEXT_SWITCH   BIT(8)
#define   INTR_SEMAPHORE        BIT(11)

/* Commands */
#define MI(op)                  ((uint32_t)(op) << 23)
#define MI_GGTT                 BIT(22)
#define MI_CS_MMIO              BIT(19)
#define MI_NOOP                 MI(0x00)
#define MI_SET_PREDICATE        MI(0x01)
#define MI_USER_INTERRUPT       MI(0x02)
#define MI_ARB_CHECK            MI(0x05)
#define MI_ARB_OFF              MI(0x08)
#define MI_ARB_ON               (MI(0x08) | 1)
#define MI_BATCH_BUFFER_END     MI(0x0a)
#define MI_PREDICATE            MI(0x0c)
#define MI_MATH(n)              (MI(0x1a) | ((n) - 1))
#define MI_SEMAPHORE_WAIT       (MI(0x1c) | BIT(15) | 3)
#define   SEMAPHORE_OP(op)      ((op) << 12)
#define   SEMAPHORE_REGISTER    BIT(16)
#define   SAD_GTE_SDD           SEMAPHORE_OP(1)
#define   SAD_EQ_SDD            SEMAPHORE_OP(4)
#define MI_STORE_DATA_IMM       (MI(0x20) | 2)
#define MI_STORE_QWORD_IMM      (MI(0x20) | BIT(21) | 3)
#define MI_STORE_DATA_INDEX     (MI(0x21) | 1)
#define MI_LOAD_REGISTER_IMM(n) (MI(0x22) | (2 * (n) - 1))
#define MI_STORE_REGISTER_MEM   (MI(0x24) | 2)
#define MI_FLUSH_DW             (MI(0x26) | 3)
#define   FLUSH_DW_TLB_INV      BIT(18)
#define   FLUSH_DW_WRITE_IMM    (1 << 14)
#define MI_LOAD_REGISTER_MEM    (MI(0x29) | 2)
#define MI_LOAD_REGISTER_REG    (MI(0x2a) | 1)
#define MI_COPY_MEM_MEM         (MI(0x2e) | 3)
#define MI_ATOMIC               MI(0x2f)
#define   ATOMIC_OPCODE(op)     ((op) << 8)
#define   ATOMIC_INLINE         (BIT(18) | 9)
#define   ATOMIC_RETURN         BIT(16)
#define MI_BATCH_BUFFER_START   (MI(0x31) | 1)
#define   BB_PPGTT              BIT(8)
#define   BB_PREDICATE          BIT(15)
#define   BB_SECOND_LEVEL       BIT(22)
#define MI_CONDITIONAL_BB_END   (MI(0x36) | BIT(21) | 2)
#define PIPE_CONTROL            (0x7a000000u | 4)
#define PIPE_CONTROL_SHORT      (0x7a000000u | 3)
#define   PC_TLB_INVALIDATE     BIT(18)
#define   PC_CS_STALL           BIT(20)
#define   PC_WRITE_IMM          (1 << 14)
#define   PC_GGTT               BIT(24)

/* Page table entries */
#define PTE_PRESENT             BIT_ULL(0)
#define PTE_WRITE               BIT_ULL(1)
#define PTE_NULL                BIT_ULL(9)
#define PDE_PAGE_SIZE           BIT_ULL(7)
#define PDE_64K                 BIT_ULL(11)
#define PTE_LOCAL               BIT_ULL(11)     /* in a leaf */
#define GGTT_LOCAL              BIT_ULL(1)

typedef enum GpuLeaf { LEAF_4K, LEAF_64K, LEAF_2M, LEAF_1G } GpuLeaf;

typedef struct Gpu {
    const GpuPlatform *platform;
    QTestState *qts;
    QPCIBus *bus;
    QPCIDevice *dev;
    QPCIBar bar0, bar2;         /* the aperture, or local memory */
    bool deterministic;
    uint64_t next_phys, next_local;
    uint32_t next_ggtt;
    uint64_t hwsp[GPU_ENGINES]; /* status pages */
    unsigned events[GPU_ENGINES];   /* of the CSB, seen by gpu_event() */
    GHashTable *expected;       /* counters that are not 0 at the end */
    GPtrArray *contexts;
} Gpu;

/*
 * Memory that is mapped in the GGTT.  "phys" is its address in system memory
 * or, with GPU_LOCAL, in local memory.
 */
typedef struct GpuBuffer {
    uint64_t phys;
    uint32_t ggtt;
} GpuBuffer;

/* Commands in memory; a ring wraps at @bytes. */
typedef struct GpuStream {
    Gpu *gpu;
    GpuBuffer buf;
    uint32_t bytes;
    uint32_t offset;            /* of the next command */
} GpuStream;

typedef struct GpuContext {
    const GpuEngine *engine;
    GpuEngineId id;
    GpuBuffer image;            /* page 0 PPHWSP, page 1 registers */
    GpuStream ring;
    uint32_t sw_id;
    uint32_t sw_counter;
} GpuContext;

/* Where the value is in the register page of a context image, in dwords */
#define IMAGE_CTX_CONTROL       0x03
#define IMAGE_RING_HEAD         0x05
#define IMAGE_RING_TAIL         0x07
#define IMAGE_BB_PER_CTX_PTR    0x13
#define IMAGE_INDIRECT_CTX      0x15
#define IMAGE_PDP0_UDW          0x31
#define IMAGE_PDP0_LDW          0x33

/* A file to use as firmware; the caller unlinks it. */
char *gpu_firmware(void);
/* A machine with the GPU; @options are added to its -device. */
Gpu *gpu_start_platform(const GpuPlatform *platform, bool deterministic,
                        const char *options);
Gpu *gpu_start(bool deterministic, const char *options);    /* Tiger Lake */
/* Ends it.  Each bad counter must be 0, or as gpu_expect() has said. */
void gpu_stop(Gpu *gpu);
void gpu_expect(Gpu *gpu, const char *counter, uint64_t value);
uint64_t gpu_counter(Gpu *gpu, const char *name);

uint32_t gpu_read(Gpu *gpu, uint32_t reg);
void gpu_write(Gpu *gpu, uint32_t reg, uint32_t value);
uint32_t gpu_ring_read(Gpu *gpu, GpuEngineId id, uint32_t reg);
void gpu_ring_write(Gpu *gpu, GpuEngineId id, uint32_t reg, uint32_t value);
/* The CPU's accesses to memory: local memory through its BAR */
uint32_t gpu_peek(Gpu *gpu, uint64_t phys);
void gpu_poke(Gpu *gpu, uint64_t phys, uint32_t value);
uint64_t gpu_peekq(Gpu *gpu, uint64_t phys);
void gpu_pokeq(Gpu *gpu, uint64_t phys, uint64_t value);

/* Zeroed pages, aligned to their size if that is a power of two */
uint64_t gpu_ram(Gpu *gpu, unsigned pages);
uint64_t gpu_system_ram(Gpu *gpu, unsigned pages);
uint64_t gpu_local_ram(Gpu *gpu, unsigned pages);

/*
 * Converts @pte, with an address like "phys", for the GGTT, or a PPGTT leaf.
 */
uint64_t gpu_global(uint64_t pte);
uint64_t gpu_leaf(uint64_t pte);
void gpu_ggtt_map(Gpu *gpu, uint32_t addr, uint64_t pte);
GpuBuffer gpu_buffer(Gpu *gpu, unsigned pages);
/* Writes the leaf entry for @addr in the tables under @pml4. */
void gpu_ppgtt_map(Gpu *gpu, uint64_t pml4, uint64_t addr, uint64_t pte,
                   GpuLeaf leaf);
/* The address of the entry for @addr at @level (0: PTE, 3: PML4) */
uint64_t gpu_ppgtt_entry(Gpu *gpu, uint64_t pml4, uint64_t addr,
                         unsigned level);

GpuStream gpu_batch(Gpu *gpu);
void gpu_emit(GpuStream *stream, const uint32_t *dw, unsigned n);
#define EMIT(stream, ...)                                                   \
    gpu_emit(stream, (const uint32_t[]) { __VA_ARGS__ },                    \
             sizeof((const uint32_t[]) { __VA_ARGS__ }) / 4)

/* A context with an empty ring; @pml4 0: it has no PPGTT. */
GpuContext *gpu_context(Gpu *gpu, GpuEngineId id, uint64_t pml4);
uint64_t gpu_image_addr(GpuContext *ctx, unsigned dword);
uint32_t gpu_image(Gpu *gpu, GpuContext *ctx, unsigned dword);
uint64_t gpu_descriptor(GpuContext *ctx);
/* Brings an engine into the state for execlists. */
void gpu_engine_setup(Gpu *gpu, GpuEngineId id);
/* Loads one or two contexts into the submission queue. */
void gpu_submit(Gpu *gpu, GpuContext *first, GpuContext *second);
/* Submits, and waits for two events: switched to, and complete. */
void gpu_run(Gpu *gpu, GpuContext *ctx);

/* Waits for the next event in the status page, and takes it. */
uint64_t gpu_event(Gpu *gpu, GpuEngineId id);
bool gpu_event_pending(Gpu *gpu, GpuEngineId id);
/* What the events of @ctx look like */
uint64_t gpu_event_switch(GpuContext *to, GpuContext *away, unsigned detail);
uint64_t gpu_event_complete(GpuContext *away, GpuContext *to);

/* Enables MSIs; returns the page that they are written to. */
uint64_t gpu_enable_msi(Gpu *gpu);
#define GPU_MSI_DATA    0x4321
void gpu_irq_enable(Gpu *gpu, uint32_t bits);

/* Lets enough time pass for all that happens without further events. */
void gpu_settle(Gpu *gpu);
void gpu_pass_time(Gpu *gpu, unsigned tries, const char *what);
#define GPU_WAIT(gpu, condition)                                            \
    do {                                                                    \
        for (unsigned tries_ = 0; !(condition); tries_++) {                 \
            gpu_pass_time(gpu, tries_, #condition);                         \
        }                                                                   \
    } while (0)

/*
 * gpu_add_test() adds "NAME/deterministic" and "NAME/threads" on Tiger Lake,
 * and "NAME/dg1" with all memory local.  gpu_add_dg1_test() adds the first two,
 * on DG1.
 */
void gpu_add_test(const char *name, void (*run)(Gpu *gpu));
void gpu_add_dg1_test(const char *name, void (*run)(Gpu *gpu));

/* The parts of the test program */
void gpu_add_command_tests(void);
void gpu_add_local_tests(void);
void gpu_add_memory_tests(void);
void gpu_add_submission_tests(void);

#endif
