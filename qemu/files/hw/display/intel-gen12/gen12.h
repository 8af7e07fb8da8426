/*
 * Intel Gen12 GPU: the device's state and the interfaces between its parts
 *
 * gen12.c            PCI shell: BARs, properties, realize and exit
 * gen12_tgl.c        the platform Tiger Lake
 * gen12_dg1.c        the platform DG1, with local memory
 * gen12_mmio.c       register file: look-up, masks, unknown accesses
 * gen12_regtable.c   registers that only hold a value
 * gen12_gt.c         forcewake, resets, pcode, power, fences, TLB registers
 * gen12_irq.c        interrupt tree and MSI
 * gen12_gtt.c        GGTT and PPGTT translation, TLBs, faults, memory accesses
 * gen12_aperture.c   the CPU's view of the GGTT, with fences
 * gen12_engine.c     execution of engines: in threads or in the main loop
 * gen12_execlists.c  submission, context switches, context status buffer
 * gen12_context.c    context image: layout, save, restore
 * gen12_cs.c         command streamer: fetch, decode, batches
 * gen12_cs_mi.c      memory interface (MI) commands
 * gen12_cs_gfx.c     3D, media and GPGPU commands: names, PIPE_CONTROL
 * gen12_alu.c        MI_MATH
 * gen12_blt.c        copies and fills of the blitter
 *
 * Locks, outermost first:
 *  1. the BQL, which vCPUs hold in MMIO handlers.  An engine's thread never
 *     takes it: MSIs are sent from a bottom half.
 *  2. Gen12Engine.lock: all state of an engine, except its TLB flush flag.
 *     The engine's thread holds the lock while it executes.  Between two
 *     commands it hands the lock over if another thread waits in
 *     gen12_engine_lock(), so that this thread waits for one command at most.
 *     No thread holds the locks of two engines.
 *  3. Gen12State.gt_lock: pcode, RC6 and fault registers.
 *  4. Gen12Irq.lock.
 * A single register is read and written atomically, without a lock.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INTEL_GEN12_H
#define INTEL_GEN12_H

#include "qemu/units.h"
#include "qemu/event_notifier.h"
#include "qemu/main-loop.h"
#include "qemu/stats64.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "exec/memory.h"
#include "hw/pci/pci.h"
#include "qom/object.h"
#include "gen12_regs.h"

#define TYPE_INTEL_GEN12 "intel-gen12-base"    /* abstract */
OBJECT_DECLARE_TYPE(Gen12State, Gen12Class, INTEL_GEN12)

typedef struct Gen12Engine Gen12Engine;

typedef enum Gen12EngineId {
    GEN12_RCS0,
    GEN12_BCS0,
    GEN12_VCS0,
    GEN12_VCS2,
    GEN12_VECS0,
    GEN12_ENGINES,
} Gen12EngineId;

typedef enum Gen12EngineClass {
    GEN12_CLASS_RENDER = 0,
    GEN12_CLASS_VIDEO = 1,
    GEN12_CLASS_VIDEO_ENHANCE = 2,
    GEN12_CLASS_COPY = 3,
} Gen12EngineClass;

/* What the model counts; gen12.c has the names of the properties. */
typedef enum Gen12Counter {
    GEN12_COUNT_UNKNOWN_READS,          /* there is no such register */
    GEN12_COUNT_UNKNOWN_WRITES,
    GEN12_COUNT_UNKNOWN_COMMANDS,
    GEN12_COUNT_SKIPPED_COMMANDS,       /* known, and without effect here */
    GEN12_COUNT_UNSUPPORTED_COMMANDS,   /* their effect is not modelled */
    GEN12_COUNT_GUEST_ERRORS,
    GEN12_COUNT_READONLY_WRITES,
    GEN12_COUNT_PRIVILEGE_ERRORS,
    GEN12_COUNT_FAULTS,
    GEN12_COUNT_TLB_FILLS,
    GEN12_COUNT_TLB_INVALIDATIONS,
    GEN12_COUNT_RESETS,                 /* of the whole GT */
    GEN12_COUNT_ENGINE_RESETS,
    GEN12_COUNT_COMMANDS,
    GEN12_COUNT_BATCHES,
    GEN12_COUNT_CONTEXT_SWITCHES,
    GEN12_COUNT_PREEMPTIONS,
    GEN12_COUNT_INTERRUPTS,             /* MSIs sent */
    GEN12_COUNTERS,
} Gen12Counter;

/*
 * Registers
 *
 * @e is the engine that the register belongs to, or NULL.  Write handlers of
 * engine registers run under the lock of that engine.
 */
typedef uint32_t Gen12RegRead(Gen12State *s, Gen12Engine *e, uint32_t reg);
typedef void Gen12RegWrite(Gen12State *s, Gen12Engine *e, uint32_t reg,
                           uint32_t value);

enum {
    GEN12_REG_MASKED = BIT(0),      /* upper half enables bits of the lower */
    GEN12_REG_CTX = BIT(1),         /* part of its engine's context image */
    GEN12_REG_USER = BIT(2),        /* unprivileged batches may write it */
    GEN12_REG_CPU_ONLY = BIT(3),    /* a command's write has no effect */
};

typedef struct Gen12RegInfo {
    const char *name;
    uint32_t offset;                /* of the first register */
    uint32_t count;                 /* consecutive registers; 0 means 1 */
    uint32_t flags;
    uint32_t reset;
    uint32_t ro;                    /* bits that a write does not change */
    uint32_t w1c;                   /* bits that writing 1 clears */
    Gen12RegRead *read;
    Gen12RegWrite *write;           /* called instead of storing */
} Gen12RegInfo;

/* A row of the register file: a Gen12RegInfo, and the engine that owns it */
typedef struct Gen12Reg {
    const Gen12RegInfo *info;
    Gen12Engine *engine;
    uint32_t base;                  /* info->offset counts from here */
} Gen12Reg;

/*
 * What differs between the platforms.  The other code serves all platforms,
 * and reads this structure where they differ.
 */
typedef struct Gen12Platform {
    const char *type;               /* QOM type name */
    const char *desc;
    const char *interface;          /* conventional PCI or Express */
    uint16_t device_id;
    uint8_t revision;
    bool local_memory;              /* has it; page tables are there */
    uint64_t ggtt_local;            /* GGTT entry: page is in local memory */
    uint64_t ppgtt_local;           /* PPGTT leaf: the same */
    uint32_t irq_master;            /* the register that enables MSIs */
    const Gen12RegInfo *regs;       /* registers of this platform only */
    size_t reg_count;
    Property *properties;
    /* Creates Gen12State.gsm_mr, gsm, bar2 and local memory. */
    bool (*init_memory)(Gen12State *s, Error **errp);
    /* Runs a pcode command of this platform; false if there is none. */
    bool (*pcode)(uint32_t mailbox, uint32_t *data);
} Gen12Platform;

extern const Gen12Platform gen12_tgl, gen12_dg1;

struct Gen12Class {
    /*< private >*/
    PCIDeviceClass parent_class;
    /*< public >*/

    const Gen12Platform *platform;
};

#define GEN12_REG_PAGE_BITS 10
#define GEN12_REG_PAGES     (GEN12_MMIO_SIZE / 4 >> GEN12_REG_PAGE_BITS)

typedef struct Gen12Irq {
    QemuMutex lock;
    QEMUBH *bh;                     /* sends an MSI */
    QEMUTimer *timer;               /* the same, with deterministic=on */
    bool msi_wanted;
    uint16_t source[GT_INTR_BANKS][32]; /* events not yet in an identity */
} Gen12Irq;

typedef struct Gen12Gt {
    bool rc6;                       /* the GT is in RC6 */
    int64_t rc6_since;
    int64_t rc6_total;              /* in ns */
    int64_t ei_since;               /* start of the evaluation intervals */
    uint32_t ring_freq[256];        /* pcode's table, by GPU ratio */
} Gen12Gt;

struct Gen12State {
    /*< private >*/
    PCIDevice parent_obj;
    /*< public >*/

    const Gen12Platform *platform;

    MemoryRegion bar0;
    MemoryRegion mmio;
    MemoryRegion gsm_mr;
    MemoryRegion bar2;              /* the aperture, or local memory */
    uint64_t *gsm;                  /* entries of the GGTT, little endian */

    MemoryRegion lmem;              /* with platform->local_memory */
    AddressSpace lmem_as;           /* @lmem alone, at address 0 */

    uint32_t *regs;                 /* GEN12_MMIO_SIZE bytes */
    uint16_t *reg_pages[GEN12_REG_PAGES]; /* indices into reg_rows, 0: none */
    GArray *reg_rows;               /* of Gen12Reg */

    QemuMutex gt_lock;
    Gen12Irq irq;
    Gen12Gt gt;
    Gen12Engine *engine[GEN12_ENGINES];

    MemoryListener listener;
    uint32_t map_generation;        /* of the guest's memory map */
    VMChangeStateEntry *vmstate;
    bool vm_running;
    Notifier exit_notifier;

    Stat64 counter[GEN12_COUNTERS];

    /* Properties */
    char *report;
    bool deterministic;
    uint64_t lmem_size;
    uint64_t lmem_bar_size;
};

static inline void gen12_count(Gen12State *s, Gen12Counter counter)
{
    stat64_add(&s->counter[counter], 1);
}

/* gen12.c */
void gen12_guest_error(Gen12State *s, const char *where, const char *what,
                       uint64_t detail);

/* gen12_mmio.c */
void gen12_mmio_init(Gen12State *s);
void gen12_mmio_fini(Gen12State *s);
void gen12_mmio_add(Gen12State *s, Gen12Engine *e, uint32_t base,
                    const Gen12RegInfo *info, size_t n);
void gen12_mmio_reset(Gen12State *s);
void gen12_mmio_reset_engine(Gen12State *s, Gen12Engine *e);
const Gen12Reg *gen12_mmio_find(Gen12State *s, uint32_t reg);
void gen12_mmio_apply(Gen12State *s, const Gen12RegInfo *info, uint32_t reg,
                      uint32_t value);
uint32_t gen12_reg_read(Gen12State *s, uint32_t reg);
void gen12_reg_write(Gen12State *s, Gen12Engine *origin, uint32_t reg,
                     uint32_t value);
extern const MemoryRegionOps gen12_mmio_ops;

/* gen12_regtable.c */
void gen12_regtable_add(Gen12State *s);
void gen12_regtable_add_engine(Gen12State *s, Gen12Engine *e);

static inline uint32_t gen12_reg(Gen12State *s, uint32_t reg)
{
    return qatomic_read(&s->regs[reg / 4]);
}

static inline void gen12_reg_set(Gen12State *s, uint32_t reg, uint32_t value)
{
    qatomic_set(&s->regs[reg / 4], value);
}

/* gen12_gt.c */
void gen12_gt_init(Gen12State *s);
void gen12_gt_reset(Gen12State *s);
void gen12_gt_update_rc6(Gen12State *s);
uint64_t gen12_timestamp(int64_t ns);

/* gen12_irq.c */
void gen12_irq_init(Gen12State *s);
void gen12_irq_fini(Gen12State *s);
void gen12_irq_reset(Gen12State *s);
void gen12_irq_raise(Gen12Engine *e, uint32_t bits);
Gen12RegRead gen12_irq_tile_read;
Gen12RegWrite gen12_irq_master_write;

/* gen12_aperture.c */
extern const MemoryRegionOps gen12_aperture_ops;

#endif
