/*
 * Intel Gen12 GPU: execution of engines
 *
 * Each engine executes in a thread of its own, outside the BQL, so that a
 * batch that spins stalls neither the guest nor another engine.  With
 * deterministic=on it executes in the main loop, from a timer of the virtual
 * clock, in slices that take virtual time; this is for -icount.
 *
 * The thread sleeps on a doorbell when it has nothing to do, and between two
 * polls of a semaphore.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "qemu/rcu.h"
#include "trace.h"
#ifdef CONFIG_LINUX
#include <sys/prctl.h>
#endif

/* Commands in a slice, and the virtual time that one command takes */
#define SLICE_COMMANDS      512
#define COMMAND_NS          50

/*
 * A semaphore is polled this often without a rest (about 100 us in all), then
 * with rests that grow.
 */
#define POLLS_AT_ONCE       1000
#define POLL_MIN_NS         (5 * SCALE_US)
#define POLL_MAX_NS         (80 * SCALE_US)

/*
 * After this many batch starts the engine rests, as the batch seems to spin.
 */
#define JUMPS_AT_ONCE       256
#define JUMP_REST_NS        (40 * SCALE_US)

/* Results of engine_run() other than a rest in ns */
#define RUN_AGAIN           0
#define RUN_WHEN_KICKED     (-1)

const Gen12EngineInfo gen12_engine_info[GEN12_ENGINES] = {
    [GEN12_RCS0] = {
        .name = "rcs0", .id = GEN12_RCS0,
        .class = GEN12_CLASS_RENDER, .instance = 0,
        .base = 0x2000, .context_reg_mask = 0x7fc, .gdrst = BIT(1),
        .irq_bank = 0, .irq_bit = 0, .irq_enable_shift = 16,
        .irq_enable = RENDER_COPY_INTR_ENABLE, .irq_mask = RCS0_INTR_MASK,
        .tlb_inv = GFX_TLB_INV_CR, .tlb_inv_bit = BIT(0), .fault_id = 0,
    },
    [GEN12_BCS0] = {
        .name = "bcs0", .id = GEN12_BCS0,
        .class = GEN12_CLASS_COPY, .instance = 0,
        .base = 0x22000, .context_reg_mask = 0xffc, .gdrst = BIT(2),
        .irq_bank = 0, .irq_bit = 15, .irq_enable_shift = 0,
        .irq_enable = RENDER_COPY_INTR_ENABLE, .irq_mask = BCS_INTR_MASK,
        .tlb_inv = BLT_TLB_INV_CR, .tlb_inv_bit = BIT(0), .fault_id = 4,
    },
    [GEN12_VCS0] = {
        .name = "vcs0", .id = GEN12_VCS0,
        .class = GEN12_CLASS_VIDEO, .instance = 0,
        .base = 0x1c0000, .context_reg_mask = 0x3ffc, .gdrst = BIT(5),
        .irq_bank = 1, .irq_bit = 0, .irq_enable_shift = 16,
        .irq_enable = VCS_VECS_INTR_ENABLE, .irq_mask = VCS0_VCS1_INTR_MASK,
        .tlb_inv = VD_TLB_INV_CR, .tlb_inv_bit = BIT(0), .fault_id = 1,
    },
    [GEN12_VCS2] = {
        .name = "vcs2", .id = GEN12_VCS2,
        .class = GEN12_CLASS_VIDEO, .instance = 2,
        .base = 0x1d0000, .context_reg_mask = 0x3ffc, .gdrst = BIT(7),
        .irq_bank = 1, .irq_bit = 2, .irq_enable_shift = 16,
        .irq_enable = VCS_VECS_INTR_ENABLE, .irq_mask = VCS2_VCS3_INTR_MASK,
        .tlb_inv = VD_TLB_INV_CR, .tlb_inv_bit = BIT(2), .fault_id = 2,
    },
    [GEN12_VECS0] = {
        .name = "vecs0", .id = GEN12_VECS0,
        .class = GEN12_CLASS_VIDEO_ENHANCE, .instance = 0,
        .base = 0x1c8000, .context_reg_mask = 0x3ffc, .gdrst = BIT(13),
        .irq_bank = 1, .irq_bit = 31, .irq_enable_shift = 0,
        .irq_enable = VCS_VECS_INTR_ENABLE, .irq_mask = VECS0_VECS1_INTR_MASK,
        .tlb_inv = VE_TLB_INV_CR, .tlb_inv_bit = BIT(0), .fault_id = 3,
    },
};

/*
 * Locks an engine.  Its thread lets go of the lock after at most one command.
 */
void gen12_engine_lock(Gen12Engine *e)
{
    qatomic_inc(&e->waiters);
    qemu_mutex_lock(&e->lock);
}

void gen12_engine_unlock(Gen12Engine *e)
{
    if (qatomic_dec_fetch(&e->waiters) == 0) {
        qemu_cond_signal(&e->handover);
    }
    qemu_mutex_unlock(&e->lock);
}

/* Wakes an engine, as something has changed that it may wait for. */
void gen12_engine_kick(Gen12Engine *e)
{
    if (e->timer) {
        timer_mod_anticipate(e->timer,
                             qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                             COMMAND_NS);
    } else {
        event_notifier_set(&e->doorbell);
    }
}

/* The engine's time; in a deterministic slice each command advances it. */
int64_t gen12_engine_now(Gen12Engine *e)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + e->ahead;
}

bool gen12_engine_stopped(Gen12Engine *e)
{
    return e->halted || !qatomic_read(&e->s->vm_running) ||
           (gen12_ring(e, RING_MI_MODE) & MI_MODE_STOP_RING) ||
           (gen12_ring(e, RING_RESET_CTL) & RESET_CTL_REQUEST);
}

/* Reports an error of the command streamer to the driver. */
void gen12_engine_error(Gen12Engine *e, uint32_t bits)
{
    trace_gen12_engine_error(e->info->name, bits);
    gen12_ring_set(e, RING_ESR, gen12_ring(e, RING_ESR) | bits);
    gen12_ring_set(e, RING_EIR, gen12_ring(e, RING_EIR) |
                                (bits & ~gen12_ring(e, RING_EMR)));
    if (bits & ~gen12_ring(e, RING_EMR)) {
        gen12_irq_raise(e, INTR_CS_ERROR);
    }
}

/* Drops what was running.  The driver then writes the registers again. */
void gen12_engine_reset(Gen12Engine *e)
{
    trace_gen12_engine_reset(e->info->name);
    e->halted = false;
    gen12_execlists_reset(e);
    gen12_cs_reset(e);
    gen12_tlb_flush(e, false);
}

static int64_t semaphore_rest(Gen12Engine *e)
{
    unsigned polls = e->cs.polls++;

    if (polls < POLLS_AT_ONCE && !e->timer) {
        return RUN_AGAIN;
    }
    return MIN(POLL_MIN_NS << MIN(polls / (2 * POLLS_AT_ONCE), 4), POLL_MAX_NS);
}

/* Executes one step; returns how long the engine has nothing to do then. */
static int64_t engine_step(Gen12Engine *e)
{
    if (gen12_engine_stopped(e)) {
        return RUN_WHEN_KICKED;
    }
    if (!e->el.running) {
        if (!e->el.load) {
            return RUN_WHEN_KICKED;
        }
        gen12_execlists_switch(e);
        return RUN_AGAIN;
    }
    if (gen12_cs_ring_empty(e)) {
        gen12_execlists_ring_empty(e);
        return RUN_AGAIN;
    }
    switch (gen12_cs_step(e)) {
    case GEN12_CS_ARBITRATE:
        if (e->el.load && e->cs.arbitrate) {
            gen12_execlists_switch(e);
        }
        break;
    case GEN12_CS_WAIT:
        if (e->el.load && e->cs.arbitrate) {
            gen12_execlists_switch(e);
            break;
        }
        return semaphore_rest(e);
    default:
        break;
    }
    if (e->cs.jumps >= JUMPS_AT_ONCE) {
        e->cs.jumps = 0;
        return JUMP_REST_NS;
    }
    return RUN_AGAIN;
}

/*
 * Executes a slice, or less if the engine becomes idle or another thread wants
 * its lock.
 */
static int64_t engine_run(Gen12Engine *e)
{
    int64_t rest = RUN_AGAIN;

    RCU_READ_LOCK_GUARD();
    for (unsigned i = 0; i < SLICE_COMMANDS && rest == RUN_AGAIN; i++) {
        if (qatomic_read(&e->waiters) || qatomic_read(&e->quit)) {
            break;
        }
        rest = engine_step(e);
        if (e->timer) {
            e->ahead += COMMAND_NS;
        }
    }
    return rest;
}

static void engine_sleep(Gen12Engine *e, int64_t ns)
{
    GPollFD pfd = {
        .fd = event_notifier_get_fd(&e->doorbell), .events = G_IO_IN,
    };

    qemu_poll_ns(&pfd, 1, ns);
    event_notifier_test_and_clear(&e->doorbell);
}

static void *engine_thread(void *opaque)
{
    Gen12Engine *e = opaque;

    rcu_register_thread();
#ifdef CONFIG_LINUX
    prctl(PR_SET_TIMERSLACK, 1000);     /* ns; keeps short rests short */
#endif
    while (!qatomic_read(&e->quit)) {
        int64_t rest;

        qemu_mutex_lock(&e->lock);
        while (qatomic_read(&e->waiters)) {
            qemu_cond_wait(&e->handover, &e->lock);
        }
        rest = engine_run(e);
        qemu_mutex_unlock(&e->lock);
        if (rest != RUN_AGAIN) {
            engine_sleep(e, rest);
        }
    }
    rcu_unregister_thread();
    return NULL;
}

/* Executes a slice at once, then waits for the virtual time that it takes. */
static void engine_timer(void *opaque)
{
    Gen12Engine *e = opaque;
    int64_t rest, ahead;

    qemu_mutex_lock(&e->lock);
    e->ahead = 0;
    rest = engine_run(e);
    ahead = e->ahead;
    e->ahead = 0;
    qemu_mutex_unlock(&e->lock);
    if (rest != RUN_WHEN_KICKED) {
        timer_mod(e->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                            MAX(rest, ahead) + COMMAND_NS);
    }
}

Gen12Engine *gen12_engine_new(Gen12State *s, const Gen12EngineInfo *info)
{
    Gen12Engine *e = g_new0(Gen12Engine, 1);
    g_autofree char *name = g_strdup_printf("gen12-%s", info->name);

    e->s = s;
    e->info = info;
    e->regs = s->regs + info->base / 4;
    qemu_mutex_init(&e->lock);
    qemu_cond_init(&e->handover);
    gen12_tlb_init(e);
    gen12_cs_reset(e);
    gen12_regtable_add_engine(s, e);
    gen12_execlists_add_regs(e);
    if (s->deterministic) {
        e->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, engine_timer, e);
    } else {
        event_notifier_init(&e->doorbell, false);
        qemu_thread_create(&e->thread, name, engine_thread, e,
                           QEMU_THREAD_JOINABLE);
    }
    return e;
}

void gen12_engine_free(Gen12Engine *e)
{
    qatomic_set(&e->quit, true);
    if (e->timer) {
        timer_free(e->timer);
    } else {
        gen12_engine_kick(e);
        qemu_thread_join(&e->thread);
        event_notifier_cleanup(&e->doorbell);
    }
    gen12_tlb_fini(e);
    qemu_cond_destroy(&e->handover);
    qemu_mutex_destroy(&e->lock);
    g_free(e);
}
