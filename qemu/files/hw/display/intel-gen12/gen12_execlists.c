/*
 * Intel Gen12 GPU: execlists
 *
 * The driver writes one or two context descriptors into the submission queue
 * (ELSQ) and loads it.  The engine runs the first context until its ring is
 * empty, then the second; a further load takes effect at the next arbitration
 * point of the running context.  Each context switch adds an entry to the
 * context status buffer (CSB); each load adds exactly one entry with the
 * "switched to new queue" bit.  (Volume 8 "Command Stream Programming",
 * "Execlists"; Volume 2d, "Context Status".)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

/* One half of a CSB entry: the context switched to, or away from */
static uint32_t csb_context(uint64_t desc)
{
    if (!(desc & CTX_DESC_VALID)) {
        return CSB_IDLE_ID << CSB_SW_ID_SHIFT;
    }
    return CTX_DESC_SW_ID(desc) << CSB_SW_ID_SHIFT |
           CTX_DESC_COUNTER(desc) << CSB_COUNTER_SHIFT;
}

static uint32_t csb_engine(uint64_t desc)
{
    if (!(desc & CTX_DESC_VALID)) {
        return 0;
    }
    return CTX_DESC_INSTANCE(desc) << CSB_INSTANCE_SHIFT |
           CTX_DESC_CLASS(desc) << CSB_CLASS_SHIFT;
}

/* Writes an entry, then the write pointer. */
static void csb_write(Gen12Engine *e, uint64_t to, uint64_t away,
                      unsigned detail, bool new_queue)
{
    uint32_t hwsp = gen12_cs_status_page(e, false);
    uint32_t ptr = gen12_ring(e, RING_CSB_PTR);
    unsigned index = ((ptr & CSB_PTR_MASK) + 1) % GEN12_CSB_ENTRIES;
    uint32_t lower = csb_context(to) |
                     csb_engine(to & CTX_DESC_VALID ? to : away) |
                     (new_queue ? CSB_NEW_QUEUE : 0);
    uint32_t upper = csb_context(away) | detail;
    uint32_t reg = index < 6 ? RING_CSB + 8 * index
                             : RING_CSB_2 + 8 * (index - 6);

    trace_gen12_csb(e->info->name, index, upper, lower);
    gen12_count(e->s, GEN12_COUNT_CONTEXT_SWITCHES);
    gen12_ring_set64(e, reg, reg + 4, (uint64_t)upper << 32 | lower);
    gen12_mem_write64(e, false, hwsp + HWSP_CSB + 8 * index,
                      (uint64_t)upper << 32 | lower);
    gen12_ring_set(e, RING_CSB_PTR, (ptr & ~CSB_PTR_MASK) | index);
    smp_wmb();  /* pairs with the driver, which reads the pointer first */
    gen12_mem_write32(e, false, hwsp + HWSP_CSB_WRITE_PTR, index);
    gen12_irq_raise(e, INTR_CONTEXT_SWITCH);
}

/* The descriptor of the running context, or 0 */
uint64_t gen12_execlists_current(Gen12Engine *e)
{
    return e->el.running ? e->el.queue[e->el.port] : 0;
}

/*
 * Updates RING_EXECLIST_STATUS and RC6, as a context has started or stopped.
 */
static void update_status(Gen12Engine *e, bool running)
{
    bool was = e->el.running;

    qatomic_set(&e->el.running, running);
    if (running) {
        gen12_ring_set(e, RING_EXECLIST_STATUS,
                       e->el.queue[e->el.port] | EXECLIST_STATUS_VALID);
        gen12_ring_set(e, RING_EXECLIST_STATUS_UDW,
                       e->el.queue[e->el.port] >> 32);
    } else {
        gen12_ring_set64(e, RING_EXECLIST_STATUS, RING_EXECLIST_STATUS_UDW, 0);
        gen12_ring_set(e, RING_INSTDONE, UINT32_MAX);
    }
    if (was != running) {
        gen12_gt_update_rc6(e->s);
    }
}

static void start(Gen12Engine *e, uint64_t desc)
{
    update_status(e, true);
    if (!gen12_context_restore(e, desc)) {
        e->halted = true;
    }
}

/* A load of the running context does not stop it; its tail may be new. */
static bool is_lite_restore(uint64_t current, uint64_t next)
{
    return (current & CTX_DESC_VALID) && !(next & CTX_DESC_FORCE_RESTORE) &&
           (current >> 32) == (next >> 32) &&
           !((current ^ next) & CTX_DESC_LRCA);
}

/*
 * Switches to the loaded queue.  The caller knows that arbitration allows it.
 */
void gen12_execlists_switch(Gen12Engine *e)
{
    uint64_t away = gen12_execlists_current(e);
    uint64_t to = e->el.elsq[0];
    bool lite = is_lite_restore(away, to);

    e->el.load = false;
    if (away && !lite) {
        gen12_context_save(e, away);
    }
    memcpy(e->el.queue, e->el.elsq, sizeof(e->el.queue));
    e->el.port = 0;
    if (away) {
        gen12_count(e->s, GEN12_COUNT_PREEMPTIONS);
    }
    csb_write(e, to, away, away ? CSB_DETAIL_PREEMPTED : CSB_DETAIL_COMPLETE,
              true);
    if (!(to & CTX_DESC_VALID)) {
        update_status(e, false);
    } else if (lite) {
        update_status(e, true);
        gen12_context_sample_tail(e, to);
    } else {
        start(e, to);
    }
}

/* The ring of the running context is empty. */
void gen12_execlists_ring_empty(Gen12Engine *e)
{
    uint64_t away = gen12_execlists_current(e);
    uint64_t to;

    if (e->el.load) {
        gen12_execlists_switch(e);
        return;
    }
    gen12_context_save(e, away);
    to = e->el.port + 1 < ELSQ_ENTRIES ? e->el.queue[e->el.port + 1] : 0;
    csb_write(e, to, away, CSB_DETAIL_COMPLETE, false);
    if (to & CTX_DESC_VALID) {
        e->el.port++;
        start(e, to);
    } else {
        update_status(e, false);
    }
}

void gen12_execlists_reset(Gen12Engine *e)
{
    e->el.load = false;
    memset(e->el.queue, 0, sizeof(e->el.queue));
    update_status(e, false);
}

/* RING_EL_CONTROL: loads the queue, which is to run next. */
static void el_control_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                             uint32_t value)
{
    if (!(value & EL_CONTROL_LOAD)) {
        return;
    }
    for (unsigned i = 0; i < ELSQ_ENTRIES; i++) {
        e->el.elsq[i] = gen12_ring64(e, RING_ELSQ + 8 * i);
    }
    trace_gen12_elsq_load(e->info->name, e->el.elsq[0], e->el.elsq[1]);
    if (e->el.load) {
        gen12_guest_error(s, e->info->name,
                          "load before the last one was taken", 0);
    }
    e->el.load = true;
    gen12_ring_set(e, RING_EXECLIST_STATUS,
                   gen12_ring(e, RING_EXECLIST_STATUS) |
                   EXECLIST_STATUS_LOADING);
    gen12_engine_kick(e);
}

/*
 * MI_MODE: the hardware sets the idle bit.  The caller holds the lock of the
 * engine, so that the engine is between two commands and stops at once.
 */
static void mi_mode_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                          uint32_t value)
{
    gen12_mmio_apply(s, gen12_mmio_find(s, reg)->info, reg, value);
    gen12_engine_kick(e);
}

static uint32_t mi_mode_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    uint32_t value = gen12_ring(e, RING_MI_MODE) & ~MI_MODE_IDLE;

    if (!qatomic_read(&e->el.running) || (value & MI_MODE_STOP_RING)) {
        value |= MI_MODE_IDLE;
    }
    return value;
}

static void reset_ctl_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                            uint32_t value)
{
    uint32_t mask = value >> 16 & (RESET_CTL_REQUEST | RESET_CTL_CAT_ERROR);
    uint32_t ctl = gen12_ring(e, RING_RESET_CTL) & ~mask;

    ctl |= value & mask & RESET_CTL_REQUEST;
    ctl &= ~RESET_CTL_READY;
    if (ctl & RESET_CTL_REQUEST) {
        ctl |= RESET_CTL_READY;
    }
    gen12_ring_set(e, RING_RESET_CTL, ctl);
    gen12_engine_kick(e);
}

static void eir_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                      uint32_t value)
{
    gen12_ring_set(e, RING_EIR, gen12_ring(e, RING_EIR) & ~value);
    gen12_ring_set(e, RING_ESR, gen12_ring(e, RING_ESR) & ~value);
}

static uint32_t timestamp_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    uint64_t ticks = gen12_timestamp(gen12_engine_now(e));

    return reg - e->info->base == RING_TIMESTAMP ? ticks : ticks >> 32;
}

/* CTX_TIMESTAMP counts only while its context is loaded. */
static uint32_t ctx_timestamp_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    if (!qatomic_read(&e->el.running)) {
        return gen12_reg(s, reg);
    }
    return gen12_timestamp(gen12_engine_now(e)) + e->el.timestamp_base;
}

static void ctx_timestamp_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                                uint32_t value)
{
    gen12_reg_set(s, reg, value);
    e->el.timestamp_base = value - gen12_timestamp(gen12_engine_now(e));
}

static const Gen12RegInfo execlists_regs[] = {
    { "RING_HEAD", RING_HEAD },
    { "RING_TAIL", RING_TAIL },
    { "MI_MODE", RING_MI_MODE, .flags = GEN12_REG_MASKED,
      .reset = MI_MODE_IDLE, .read = mi_mode_read, .write = mi_mode_write },
    { "RESET_CTL", RING_RESET_CTL, .flags = GEN12_REG_CPU_ONLY,
      .write = reset_ctl_write },
    { "EIR", RING_EIR, .write = eir_write },
    { "EMR", RING_EMR, .reset = UINT32_MAX },
    { "ESR", RING_ESR, .ro = UINT32_MAX },
    { "RING_TIMESTAMP", RING_TIMESTAMP, 2, .flags = GEN12_REG_USER,
      .ro = UINT32_MAX, .read = timestamp_read },
    { "CTX_TIMESTAMP", RING_CTX_TIMESTAMP,
      .read = ctx_timestamp_read, .write = ctx_timestamp_write },
    { "CSB_PTR", RING_CSB_PTR, .flags = GEN12_REG_MASKED },
    { "CSB", RING_CSB, 12, .ro = UINT32_MAX },
    { "CSB_2", RING_CSB_2, 12, .ro = UINT32_MAX },
    { "EXECLIST_STATUS", RING_EXECLIST_STATUS, 2, .ro = UINT32_MAX },
    { "ELSQ", RING_ELSQ, 16 },
    { "EL_CONTROL", RING_EL_CONTROL, .flags = GEN12_REG_CPU_ONLY,
      .write = el_control_write },
};

void gen12_execlists_add_regs(Gen12Engine *e)
{
    gen12_mmio_add(e->s, e, e->info->base, execlists_regs,
                   ARRAY_SIZE(execlists_regs));
}
