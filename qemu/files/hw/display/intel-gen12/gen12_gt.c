/*
 * Intel Gen12 GPU: the GT outside its engines
 *
 * Forcewake, resets, TLB invalidation by register, pcode's mailbox, and RC6
 * residency.  Requests for frequency and power are granted at once, and do not
 * change the speed of anything.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

#define TIMESTAMP_HZ    19200000
#define RC6_TICK_NS     1280

/* Mailbox commands that i915 sends */
#define PCODE_WRITE_MIN_FREQ_TABLE  0x08
#define PCODE_READ_MIN_FREQ_TABLE   0x09
#define   FREQ_TABLE_GPU_RATIO(data) extract32(data, 0, 8)
#define   FREQ_TABLE_RING(data)     extract32(data, 8, 24)
#define PCODE_DUTY_CYCLE_CONTROL    0x1a
#define   PCODE_EFFICIENT_RATIO     0x0700  /* 7 * 50 MHz in 15:8 */
#define PCODE_TCCOLD                0x26

#define PWR_WELL_REQUESTS           0xaaaaaaaa

/* Ticks of the command streamers' clock, which never stops */
uint64_t gen12_timestamp(int64_t ns)
{
    return muldiv64(ns, TIMESTAMP_HZ, NANOSECONDS_PER_SECOND);
}

/* The acknowledge register shows the requests of all threads. */
static void forcewake_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                            uint32_t value)
{
    static const struct { uint32_t request, ack; } domains[] = {
        { FORCEWAKE_RENDER, FORCEWAKE_ACK_RENDER },
        { FORCEWAKE_GT, FORCEWAKE_ACK_GT },
        { FORCEWAKE_MEDIA_VDBOX(0), FORCEWAKE_ACK_MEDIA_VDBOX(0) },
        { FORCEWAKE_MEDIA_VDBOX(2), FORCEWAKE_ACK_MEDIA_VDBOX(2) },
        { FORCEWAKE_MEDIA_VEBOX(0), FORCEWAKE_ACK_MEDIA_VEBOX(0) },
    };

    gen12_mmio_apply(s, gen12_mmio_find(s, reg)->info, reg, value);
    for (unsigned i = 0; i < ARRAY_SIZE(domains); i++) {
        if (domains[i].request == reg) {
            gen12_reg_set(s, domains[i].ack, gen12_reg(s, reg) & 0xffff);
        }
    }
}

static void engine_reset(Gen12Engine *e)
{
    gen12_engine_lock(e);
    gen12_engine_reset(e);
    gen12_mmio_reset_engine(e->s, e);
    gen12_engine_unlock(e);
    gen12_engine_kick(e);
}

static void gdrst_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                        uint32_t value)
{
    trace_gen12_gdrst(value);
    if (value & GDRST_FULL) {
        gen12_count(s, GEN12_COUNT_RESETS);
    }
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        if (value & (GDRST_FULL | s->engine[i]->info->gdrst)) {
            gen12_count(s, GEN12_COUNT_ENGINE_RESETS);
            engine_reset(s->engine[i]);
        }
    }
}

/* The invalidation is done when the write returns, so the register reads 0. */
static void tlb_inv_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                          uint32_t value)
{
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        Gen12Engine *engine = s->engine[i];

        if (engine->info->tlb_inv == reg &&
            (value & engine->info->tlb_inv_bit)) {
            gen12_engine_lock(engine);
            gen12_tlb_flush(engine, false);
            gen12_engine_unlock(engine);
        }
    }
}

/* Posted: each engine empties its TLB before its next access to memory. */
static void gfx_flsh_cntl_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                                uint32_t value)
{
    gen12_reg_set(s, reg, value);
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        qatomic_set(&s->engine[i]->tlb.flush_ggtt, true);
    }
}

static void self_clearing_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                                uint32_t value)
{
}

static void pcode_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                        uint32_t value)
{
    uint32_t data = gen12_reg(s, PCODE_DATA0);
    uint32_t *ring_freq = &s->gt.ring_freq[FREQ_TABLE_GPU_RATIO(data)];
    uint32_t status = 0;

    if (!(value & PCODE_READY)) {
        gen12_reg_set(s, reg, value);
        return;
    }
    trace_gen12_pcode(value & PCODE_COMMAND, data);
    qemu_mutex_lock(&s->gt_lock);
    switch (value & PCODE_COMMAND) {
    case PCODE_WRITE_MIN_FREQ_TABLE:
        *ring_freq = FREQ_TABLE_RING(data);
        break;
    case PCODE_READ_MIN_FREQ_TABLE:
        gen12_reg_set(s, PCODE_DATA0, *ring_freq);
        break;
    case PCODE_DUTY_CYCLE_CONTROL:
        gen12_reg_set(s, PCODE_DATA0, PCODE_EFFICIENT_RATIO);
        break;
    case PCODE_TCCOLD:
        break;
    default:
        if (s->platform->pcode && s->platform->pcode(value, &data)) {
            gen12_reg_set(s, PCODE_DATA0, data);
        } else {
            status = PCODE_ILLEGAL_COMMAND;
        }
    }
    qemu_mutex_unlock(&s->gt_lock);
    gen12_reg_set(s, reg, status);
}

/* The current ratio is the requested one. */
static uint32_t rpstat_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    return gen12_reg(s, RPNSWREQ) & RPNSWREQ_RATIO;
}

static uint32_t rpstat_gen12_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    return gen12_reg(s, RPNSWREQ) >> RPNSWREQ_RATIO_SHIFT
           << RPSTAT1_CAGF_SHIFT;
}

/*
 * Evaluation intervals count in units of 16 clocks.  Their busy time is not
 * modelled, and neither are their interrupts; i915 does not use these on Gen12
 * with execlists.
 */
static uint32_t rp_cur_ei_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    uint32_t period = gen12_reg(s, reg == RP_CUR_UP_EI ? RP_UP_EI
                                                       : RP_DOWN_EI);
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    uint64_t ticks;

    if (!(gen12_reg(s, RP_CONTROL) & RP_CONTROL_ENABLE) || !period) {
        return 0;
    }
    qemu_mutex_lock(&s->gt_lock);
    ticks = gen12_timestamp(now - s->gt.ei_since) / 16;
    qemu_mutex_unlock(&s->gt_lock);
    return ticks % period;
}

static void rp_control_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                             uint32_t value)
{
    qemu_mutex_lock(&s->gt_lock);
    s->gt.ei_since = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    qemu_mutex_unlock(&s->gt_lock);
    gen12_reg_set(s, reg, value);
}

static bool rc6_active(Gen12State *s)
{
    uint32_t control = gen12_reg(s, RC_CONTROL);

    if (!(control & RC_CONTROL_RC6_ENABLE) ||
        !((control & RC_CONTROL_HW_ENABLE) ||
          (gen12_reg(s, RC_STATE) & RC_STATE_RC6))) {
        return false;
    }
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        if (qatomic_read(&s->engine[i]->el.running)) {
            return false;
        }
    }
    return true;
}

/* Called whenever something that rc6_active() looks at has changed */
void gen12_gt_update_rc6(Gen12State *s)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    qemu_mutex_lock(&s->gt_lock);
    if (s->gt.rc6) {
        s->gt.rc6_total += now - s->gt.rc6_since;
    }
    s->gt.rc6 = rc6_active(s);
    s->gt.rc6_since = now;
    gen12_reg_set(s, GT_GFX_RC6, s->gt.rc6_total / RC6_TICK_NS);
    qemu_mutex_unlock(&s->gt_lock);
}

static void rc_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                     uint32_t value)
{
    gen12_reg_set(s, reg, value);
    gen12_gt_update_rc6(s);
}

static uint32_t rc6_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    gen12_gt_update_rc6(s);
    return gen12_reg(s, reg);
}

static bool rc6_now(Gen12State *s)
{
    bool rc6;

    gen12_gt_update_rc6(s);
    qemu_mutex_lock(&s->gt_lock);
    rc6 = s->gt.rc6;
    qemu_mutex_unlock(&s->gt_lock);
    return rc6;
}

static uint32_t core_status_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    return rc6_now(s) ? GT_CORE_STATUS_RC6 : 0;
}

static uint32_t pwrgt_status_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    return rc6_now(s) ? 0 : PWRGT_MEDIA_UP | PWRGT_RENDER_UP;
}

/* HSW_PWR_WELL_CTL: each well has a request bit above its state bit */
static void power_well_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                             uint32_t value)
{
    uint32_t request = value & PWR_WELL_REQUESTS;

    gen12_reg_set(s, reg, request | request >> 1);
}

static const Gen12RegInfo gt_regs[] = {
    { "FORCEWAKE_RENDER", FORCEWAKE_RENDER,
      .flags = GEN12_REG_MASKED, .write = forcewake_write },
    { "FORCEWAKE_GT", FORCEWAKE_GT,
      .flags = GEN12_REG_MASKED, .write = forcewake_write },
    { "FORCEWAKE_MEDIA_VDBOX", FORCEWAKE_MEDIA_VDBOX(0), 8,
      .flags = GEN12_REG_MASKED, .write = forcewake_write },
    { "FORCEWAKE_MEDIA_VEBOX", FORCEWAKE_MEDIA_VEBOX(0), 4,
      .flags = GEN12_REG_MASKED, .write = forcewake_write },
    { "FORCEWAKE_ACK_RENDER", FORCEWAKE_ACK_RENDER, .ro = UINT32_MAX },
    { "FORCEWAKE_ACK_GT", FORCEWAKE_ACK_GT, .ro = UINT32_MAX },
    { "FORCEWAKE_ACK_MEDIA_VDBOX", FORCEWAKE_ACK_MEDIA_VDBOX(0), 8,
      .ro = UINT32_MAX },
    { "FORCEWAKE_ACK_MEDIA_VEBOX", FORCEWAKE_ACK_MEDIA_VEBOX(0), 4,
      .ro = UINT32_MAX },

    { "GDRST", GDRST, .flags = GEN12_REG_CPU_ONLY, .write = gdrst_write },

    { "GFX_FLSH_CNTL", GFX_FLSH_CNTL, .write = gfx_flsh_cntl_write },
    { "GFX_TLB_INV_CR", GFX_TLB_INV_CR,
      .flags = GEN12_REG_CPU_ONLY, .write = tlb_inv_write },
    { "VD_TLB_INV_CR", VD_TLB_INV_CR,
      .flags = GEN12_REG_CPU_ONLY, .write = tlb_inv_write },
    { "VE_TLB_INV_CR", VE_TLB_INV_CR,
      .flags = GEN12_REG_CPU_ONLY, .write = tlb_inv_write },
    { "BLT_TLB_INV_CR", BLT_TLB_INV_CR,
      .flags = GEN12_REG_CPU_ONLY, .write = tlb_inv_write },
    { "OA_TLB_INV_CR", OA_TLB_INV_CR, .write = self_clearing_write },
    { "COMPCTX_TLB_INV_CR", COMPCTX_TLB_INV_CR,
      .write = self_clearing_write },

    /* Without compression there is no AUX table to invalidate. */
    { "CCS_AUX_INV", 0x4208, .flags = GEN12_REG_USER,
      .write = self_clearing_write },
    { "VD0_AUX_INV", 0x4218, .write = self_clearing_write },
    { "VE0_AUX_INV", 0x4238, .write = self_clearing_write },
    { "BCS_AUX_INV", 0x4248, .write = self_clearing_write },
    { "VD2_AUX_INV", 0x4298, .write = self_clearing_write },
    { "CCS0_AUX_INV", 0x42c8, .write = self_clearing_write },

    { "PCODE_MAILBOX", PCODE_MAILBOX,
      .flags = GEN12_REG_CPU_ONLY, .write = pcode_write },
    { "PCODE_DATA0", PCODE_DATA0 },
    { "PCODE_DATA1", PCODE_DATA1 },

    { "RPNSWREQ", RPNSWREQ },
    { "RPSTAT1", RPSTAT1, .ro = UINT32_MAX, .read = rpstat_read },
    { "RPSTAT1_GEN12", RPSTAT1_GEN12, .ro = UINT32_MAX,
      .read = rpstat_gen12_read },
    { "RP_CONTROL", RP_CONTROL, .write = rp_control_write },
    { "RP_CUR_UP_EI", RP_CUR_UP_EI, .read = rp_cur_ei_read },
    { "RP_CUR_UP", RP_CUR_UP, 2 },
    { "RP_CUR_DOWN_EI", RP_CUR_DOWN_EI, .read = rp_cur_ei_read },
    { "RP_CUR_DOWN", RP_CUR_DOWN, 2 },
    { "RP_UP_EI", RP_UP_EI },
    { "RP_DOWN_EI", RP_DOWN_EI },
    { "RC_CONTROL", RC_CONTROL, .write = rc_write },
    { "RC_STATE", RC_STATE, .write = rc_write },
    { "GT_GFX_RC6", GT_GFX_RC6, .ro = UINT32_MAX, .read = rc6_read },
    { "GT_GFX_RC6_LOCKED", 0x138104, .ro = UINT32_MAX },
    { "GT_GFX_RC6P", 0x13810c, 2, .ro = UINT32_MAX },   /* never entered */
    { "GT_CORE_STATUS", GT_CORE_STATUS, .ro = UINT32_MAX,
      .read = core_status_read },
    { "PWRGT_DOMAIN_STATUS", PWRGT_DOMAIN_STATUS, .ro = UINT32_MAX,
      .read = pwrgt_status_read },

    { "PWR_WELL_CTL1", 0x45400, .write = power_well_write },
    { "PWR_WELL_CTL2", 0x45404, .write = power_well_write },
    { "PWR_WELL_CTL_AUX1", 0x45440, .write = power_well_write },
    { "PWR_WELL_CTL_AUX2", 0x45444, .write = power_well_write },
    { "PWR_WELL_CTL_DDI1", 0x45450, .write = power_well_write },
    { "PWR_WELL_CTL_DDI2", 0x45454, .write = power_well_write },
};

void gen12_gt_init(Gen12State *s)
{
    qemu_mutex_init(&s->gt_lock);
    gen12_mmio_add(s, NULL, 0, gt_regs, ARRAY_SIZE(gt_regs));
}

/* For a device reset */
void gen12_gt_reset(Gen12State *s)
{
    qemu_mutex_lock(&s->gt_lock);
    memset(&s->gt, 0, sizeof(s->gt));
    qemu_mutex_unlock(&s->gt_lock);
}
