/*
 * Intel Gen12 GPU: an engine and its command streamer
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INTEL_GEN12_ENGINE_H
#define INTEL_GEN12_ENGINE_H

#include "gen12.h"

typedef struct Gen12EngineInfo {
    const char *name;
    Gen12EngineId id;
    Gen12EngineClass class;
    unsigned instance;
    uint32_t base;                  /* first register */
    uint32_t context_reg_mask;      /* for offsets in a context image */
    uint32_t gdrst;                 /* its bit in GDRST */
    unsigned irq_bank, irq_bit;
    uint32_t irq_enable, irq_mask;  /* registers */
    unsigned irq_enable_shift;      /* 0 or 16; irq_mask uses 31:16 */
    uint32_t tlb_inv;               /* register */
    uint32_t tlb_inv_bit;
    unsigned fault_id;
} Gen12EngineInfo;

extern const Gen12EngineInfo gen12_engine_info[GEN12_ENGINES];

/*
 * A translation.  It stays until an architected invalidation, even if the page
 * table entry changes meanwhile.
 */
typedef struct Gen12TlbEntry {
    uint64_t key;                   /* page number and address space */
    uint64_t phys;
    bool local;                     /* @phys is in local memory */
    bool null;                      /* reads as 0, writes vanish */
    uint32_t map_generation;        /* when @cache was made */
    MemoryRegionCache cache;        /* host memory of the page, if RAM */
} Gen12TlbEntry;

/* Limit of a TLB, far above that of hardware: it only bounds host memory */
#define GEN12_TLB_MAX 65536

typedef struct Gen12Tlb {
    GHashTable *entries;            /* of Gen12TlbEntry */
    Gen12TlbEntry *last[2];         /* last hit: PPGTT, GGTT */
    bool flush_ggtt;                /* requested; set without the lock */
} Gen12Tlb;

/* Where commands come from.  Level 0 is the ring. */
#define GEN12_CS_LEVELS 3
#define GEN12_CS_MAX_DWORDS 1032    /* the longest that a handler reads */

typedef struct Gen12CsLevel {
    uint64_t addr;
    bool ppgtt;                     /* which makes it unprivileged */
} Gen12CsLevel;

typedef struct Gen12Cs {
    Gen12CsLevel level[GEN12_CS_LEVELS];
    unsigned depth;
    bool arbitrate;                 /* MI_ARB_ON_OFF */
    bool in_wa;                     /* in INDIRECT_CTX or per-context batch */
    bool wa_end;
    bool predicate;                 /* MI_SET_PREDICATE: skip commands */
    bool wait_reported;             /* the wait has raised its interrupt */
    unsigned polls;                 /* by the current wait */
    unsigned jumps;                 /* batch starts since the last rest */
    unsigned dwords;                /* of the current command */
    uint64_t progress;              /* of a command with several steps */
    uint32_t cmd[GEN12_CS_MAX_DWORDS];
} Gen12Cs;

typedef struct Gen12Execlists {
    uint64_t elsq[ELSQ_ENTRIES];    /* the last queue loaded */
    bool load;                      /* @elsq waits for arbitration */
    uint64_t queue[ELSQ_ENTRIES];   /* the queue that executes */
    unsigned port;                  /* index of the running context */
    bool running;                   /* a context is loaded */
    int64_t timestamp_base;         /* CTX_TIMESTAMP - now, in ticks */
} Gen12Execlists;

struct Gen12Engine {
    Gen12State *s;
    const Gen12EngineInfo *info;
    uint32_t *regs;                 /* its part of Gen12State.regs */

    QemuMutex lock;
    QemuCond handover;
    unsigned waiters;               /* threads that want @lock; atomic */
    bool quit;
    QemuThread thread;
    EventNotifier doorbell;
    QEMUTimer *timer;               /* replaces @thread: deterministic=on */
    int64_t ahead;                  /* ns of work done in this slice */

    bool halted;                    /* by an error, until a reset */
    Gen12Execlists el;
    Gen12Cs cs;
    Gen12Tlb tlb;
};

static inline uint32_t gen12_ring(Gen12Engine *e, uint32_t offset)
{
    return qatomic_read(&e->regs[offset / 4]);
}

static inline void gen12_ring_set(Gen12Engine *e, uint32_t offset,
                                  uint32_t value)
{
    qatomic_set(&e->regs[offset / 4], value);
}

/* A register of 64 bits, its lower half at @offset */
static inline uint64_t gen12_ring64(Gen12Engine *e, uint32_t offset)
{
    return gen12_ring(e, offset) | (uint64_t)gen12_ring(e, offset + 4) << 32;
}

static inline void gen12_ring_set64(Gen12Engine *e, uint32_t ldw, uint32_t udw,
                                    uint64_t value)
{
    gen12_ring_set(e, ldw, value);
    gen12_ring_set(e, udw, value >> 32);
}

/* gen12_engine.c */
Gen12Engine *gen12_engine_new(Gen12State *s, const Gen12EngineInfo *info);
void gen12_engine_free(Gen12Engine *e);
void gen12_engine_reset(Gen12Engine *e);
void gen12_engine_lock(Gen12Engine *e);
void gen12_engine_unlock(Gen12Engine *e);
void gen12_engine_kick(Gen12Engine *e);
int64_t gen12_engine_now(Gen12Engine *e);
bool gen12_engine_stopped(Gen12Engine *e);
void gen12_engine_error(Gen12Engine *e, uint32_t bits);

/* gen12_execlists.c */
void gen12_execlists_add_regs(Gen12Engine *e);
void gen12_execlists_reset(Gen12Engine *e);
void gen12_execlists_switch(Gen12Engine *e);
void gen12_execlists_ring_empty(Gen12Engine *e);
uint64_t gen12_execlists_current(Gen12Engine *e);

/* gen12_context.c */
bool gen12_context_restore(Gen12Engine *e, uint64_t desc);
void gen12_context_sample_tail(Gen12Engine *e, uint64_t desc);
void gen12_context_save(Gen12Engine *e, uint64_t desc);

/*
 * gen12_gtt.c: accesses to graphics addresses.  They return false after a
 * fault; the fault is recorded then, and the engine has halted.
 */
void gen12_tlb_init(Gen12Engine *e);
void gen12_tlb_fini(Gen12Engine *e);
void gen12_tlb_flush(Gen12Engine *e, bool ppgtt_only);
bool gen12_mem_read(Gen12Engine *e, bool ppgtt, uint64_t addr, void *buf,
                    size_t len);
bool gen12_mem_write(Gen12Engine *e, bool ppgtt, uint64_t addr,
                     const void *buf, size_t len);
bool gen12_mem_read32(Gen12Engine *e, bool ppgtt, uint64_t addr,
                      uint32_t *value);
bool gen12_mem_write32(Gen12Engine *e, bool ppgtt, uint64_t addr,
                       uint32_t value);
bool gen12_mem_write64(Gen12Engine *e, bool ppgtt, uint64_t addr,
                       uint64_t value);
/* Runs @op on 4 or 8 aligned bytes of host memory, if the page is RAM. */
bool gen12_mem_atomic(Gen12Engine *e, bool ppgtt, uint64_t addr, size_t size,
                      void (*op)(void *host, void *opaque), void *opaque);
uint64_t gen12_ggtt_pte(Gen12State *s, uint64_t addr);

/* gen12_cs.c */
typedef enum Gen12CsResult {
    GEN12_CS_NEXT,                  /* on to the next command */
    GEN12_CS_JUMP,                  /* the handler set the position */
    GEN12_CS_ARBITRATE,             /* next, and a switch is allowed here */
    GEN12_CS_WAIT,                  /* the same command again, later */
    GEN12_CS_CONTINUE,              /* the same command goes on, at once */
    GEN12_CS_HALT,                  /* an error or a fault */
} Gen12CsResult;

typedef Gen12CsResult Gen12CommandFn(Gen12Engine *e, const uint32_t *cmd,
                                     unsigned dwords);

/*
 * A command has as many dwords as the length field of its header says, plus
 * @bias.
 */
typedef struct Gen12Command {
    const char *name;
    uint32_t opcode;                /* type and opcode bits of the header */
    uint16_t length_mask;           /* 0: the length is always 1 */
    uint8_t bias;
    uint8_t engines;                /* classes that have it; 0: all */
    uint8_t min;                    /* a shorter command is an error */
    bool unpredicated;              /* runs even under MI_SET_PREDICATE */
    Gen12CommandFn *run;            /* NULL: skipped */
} Gen12Command;

extern const Gen12Command gen12_mi_commands[];
extern const size_t gen12_mi_command_count;
extern const Gen12Command gen12_gfx_commands[];
extern const size_t gen12_gfx_command_count;
extern const Gen12Command gen12_blt_commands[];
extern const size_t gen12_blt_command_count;

void gen12_cs_init(void);
void gen12_cs_reset(Gen12Engine *e);
void gen12_cs_resume(Gen12Engine *e);
void gen12_cs_save_position(Gen12Engine *e);
bool gen12_cs_ring_empty(Gen12Engine *e);
Gen12CsResult gen12_cs_step(Gen12Engine *e);
void gen12_cs_run_wa(Gen12Engine *e, uint64_t addr, uint32_t bytes);
void gen12_cs_batch_start(Gen12Engine *e, uint64_t addr, bool ppgtt,
                          bool nested);
void gen12_cs_batch_end(Gen12Engine *e);
Gen12CsResult gen12_cs_guest_error(Gen12Engine *e, const char *what,
                                   uint64_t detail);
Gen12CsResult gen12_cs_unsupported(Gen12Engine *e, const char *what);
uint64_t gen12_cs_status_page(Gen12Engine *e, bool per_context);

/* "Post-Sync Operation" of PIPE_CONTROL (dword 1) and MI_FLUSH_DW (dword 0) */
typedef enum Gen12PostSync {
    POST_SYNC_NO_WRITE,
    POST_SYNC_WRITE_IMMEDIATE_DATA,
    POST_SYNC_WRITE_PS_DEPTH_COUNT,
    POST_SYNC_WRITE_TIMESTAMP,
} Gen12PostSync;

#define POST_SYNC_OPERATION(dw)     extract32(dw, 14, 2)

Gen12CsResult gen12_cs_post_sync(Gen12Engine *e, bool ppgtt, uint64_t addr,
                                 Gen12PostSync op, uint64_t imm);

static inline Gen12CsLevel *gen12_cs_level(Gen12Engine *e)
{
    return &e->cs.level[e->cs.depth];
}

/*
 * The ring and batches in the GGTT are privileged, batches in a PPGTT are not.
 */
static inline bool gen12_cs_privileged(Gen12Engine *e)
{
    return !gen12_cs_level(e)->ppgtt;
}

/* Two dwords of a command: an address, or an immediate of 64 bits */
static inline uint64_t gen12_cs_qword(const uint32_t *dw)
{
    return dw[0] | (uint64_t)dw[1] << 32;
}

static inline Gen12CsResult gen12_cs_done(bool ok)
{
    return ok ? GEN12_CS_NEXT : GEN12_CS_HALT;
}

/* gen12_alu.c */
Gen12CsResult gen12_alu_run(Gen12Engine *e, const uint32_t *insn, unsigned n);

#endif
