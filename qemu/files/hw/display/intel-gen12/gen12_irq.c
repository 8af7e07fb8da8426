/*
 * Intel Gen12 GPU: graphics interrupts
 *
 * Each engine has a source, which collects its events.  An event sets the bit
 * of the engine in GT_INTR_DW.  The driver writes this bit to the selector,
 * which moves the events from the source into the identity register.  Then the
 * driver clears the bit in GT_INTR_DW; the bit is set again if new events have
 * come meanwhile.  (Volume 2c, "GT_INTR_DW0", "INTR_IDENTITY_REG0".)
 *
 * GFX_MSTR_INTR shows which of the GT_INTR_DW registers have bits set.
 * MSTR_TILE_INTR, on DG1, shows whether the tile has interrupts pending.  The
 * driver need not clear these bits.  Gen12Platform.irq_master says which of
 * the two registers enables MSIs.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "hw/pci/msi.h"
#include "trace.h"

static void irq_notify(Gen12State *s)
{
    s->irq.msi_wanted = true;
    if (s->irq.timer) {
        timer_mod_anticipate(s->irq.timer,
                             qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + 1);
    } else {
        qemu_bh_schedule(s->irq.bh);
    }
}

/*
 * Sends an MSI.  This runs in the main loop, as an MSI needs the BQL, which
 * engines do not take.  With deterministic=on a timer of the virtual clock
 * calls it, so that the time of the MSI does not depend on the host.
 */
static void irq_deliver(void *opaque)
{
    Gen12State *s = opaque;
    bool wanted;

    qemu_mutex_lock(&s->irq.lock);
    wanted = s->irq.msi_wanted;
    s->irq.msi_wanted = false;
    qemu_mutex_unlock(&s->irq.lock);

    if (wanted && msi_enabled(PCI_DEVICE(s))) {
        gen12_count(s, GEN12_COUNT_INTERRUPTS);
        msi_notify(PCI_DEVICE(s), 0);
    }
}

static bool irq_master(Gen12State *s)
{
    return gen12_reg(s, s->platform->irq_master) & MSTR_ENABLE;
}

static bool irq_pending(Gen12State *s)
{
    return gen12_reg(s, GT_INTR_DW(0)) || gen12_reg(s, GT_INTR_DW(1));
}

void gen12_irq_raise(Gen12Engine *e, uint32_t bits)
{
    const Gen12EngineInfo *info = e->info;
    Gen12State *s = e->s;
    uint32_t dw = GT_INTR_DW(info->irq_bank);

    bits &= gen12_reg(s, info->irq_enable) >> info->irq_enable_shift;
    bits &= ~gen12_reg(s, info->irq_mask) >> 16;
    bits &= INTR_IDENTITY_EVENTS;
    if (!bits) {
        return;
    }
    trace_gen12_irq_raise(info->name, bits);
    qemu_mutex_lock(&s->irq.lock);
    s->irq.source[info->irq_bank][info->irq_bit] |= bits;
    if (!(gen12_reg(s, dw) & BIT(info->irq_bit))) {
        gen12_reg_set(s, dw, gen12_reg(s, dw) | BIT(info->irq_bit));
        if (irq_master(s)) {
            irq_notify(s);
        }
    }
    qemu_mutex_unlock(&s->irq.lock);
}

static uint32_t master_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    uint32_t value = gen12_reg(s, reg) & MSTR_ENABLE;

    for (unsigned bank = 0; bank < GT_INTR_BANKS; bank++) {
        value |= gen12_reg(s, GT_INTR_DW(bank)) ? MSTR_GT_DW(bank) : 0;
    }
    return value;
}

/* MSTR_TILE_INTR: the tiles that have interrupts pending; there is one tile */
uint32_t gen12_irq_tile_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    return (gen12_reg(s, reg) & MSTR_ENABLE) |
           (irq_pending(s) ? MSTR_TILE_0 : 0);
}

void gen12_irq_master_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                            uint32_t value)
{
    bool was;

    qemu_mutex_lock(&s->irq.lock);
    was = irq_master(s);
    gen12_reg_set(s, reg, value & MSTR_ENABLE);
    if (!was && irq_master(s) && irq_pending(s)) {
        irq_notify(s);
    }
    qemu_mutex_unlock(&s->irq.lock);
}

static void dw_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                     uint32_t value)
{
    unsigned bank = (reg - GT_INTR_DW(0)) / 4;
    uint32_t left;

    qemu_mutex_lock(&s->irq.lock);
    left = gen12_reg(s, reg) & ~value;
    for (unsigned bit = 0; bit < 32; bit++) {
        if (s->irq.source[bank][bit]) {
            left |= BIT(bit);
        }
    }
    gen12_reg_set(s, reg, left);
    if (left && irq_master(s)) {
        irq_notify(s);
    }
    qemu_mutex_unlock(&s->irq.lock);
}

static const Gen12EngineInfo *source_engine(unsigned bank, unsigned bit)
{
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        const Gen12EngineInfo *info = &gen12_engine_info[i];

        if (info->irq_bank == bank && info->irq_bit == bit) {
            return info;
        }
    }
    return NULL;
}

static void selector_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                           uint32_t value)
{
    unsigned bank = (reg - IIR_REG_SELECTOR(0)) / 4;
    unsigned bit = ctz32(value);
    const Gen12EngineInfo *info = value ? source_engine(bank, bit) : NULL;
    uint32_t identity = 0;

    qemu_mutex_lock(&s->irq.lock);
    if (info && s->irq.source[bank][bit]) {
        identity = INTR_IDENTITY_VALID |
                   info->instance << INTR_IDENTITY_INSTANCE_SHIFT |
                   info->class << INTR_IDENTITY_CLASS_SHIFT |
                   s->irq.source[bank][bit];
        s->irq.source[bank][bit] = 0;
    }
    gen12_reg_set(s, INTR_IDENTITY_REG(bank), identity);
    qemu_mutex_unlock(&s->irq.lock);
}

static void identity_write(Gen12State *s, Gen12Engine *e, uint32_t reg,
                           uint32_t value)
{
    if (value & INTR_IDENTITY_VALID) {
        gen12_reg_set(s, reg, 0);
    }
}

static const Gen12RegInfo irq_regs[] = {
    { "GFX_MSTR_INTR", GFX_MSTR_INTR, .flags = GEN12_REG_CPU_ONLY,
      .read = master_read, .write = gen12_irq_master_write },
    { "GT_INTR_DW", GT_INTR_DW(0), 2, .flags = GEN12_REG_CPU_ONLY,
      .write = dw_write },
    { "INTR_IDENTITY_REG", INTR_IDENTITY_REG(0), 2,
      .flags = GEN12_REG_CPU_ONLY, .write = identity_write },
    { "IIR_REG_SELECTOR", IIR_REG_SELECTOR(0), 2,
      .flags = GEN12_REG_CPU_ONLY, .write = selector_write },
    { "RENDER_COPY_INTR_ENABLE", RENDER_COPY_INTR_ENABLE },
    { "VCS_VECS_INTR_ENABLE", VCS_VECS_INTR_ENABLE },
    { "GUC_SG_INTR_ENABLE", 0x190038 },
    { "GPM_WGBOXPERF_INTR_ENABLE", GPM_WGBOXPERF_INTR_ENABLE },
    { "CRYPTO_RSVD_INTR_ENABLE", 0x190040 },
    { "GUNIT_CSME_INTR_ENABLE", 0x190044 },
    { "CCS_RSVD_INTR_ENABLE", 0x190048 },
    { "RCS0_INTR_MASK", RCS0_INTR_MASK, .reset = UINT32_MAX },
    { "BCS_INTR_MASK", BCS_INTR_MASK, .reset = UINT32_MAX },
    { "VCS0_VCS1_INTR_MASK", VCS0_VCS1_INTR_MASK, .reset = UINT32_MAX },
    { "VCS2_VCS3_INTR_MASK", VCS2_VCS3_INTR_MASK, .reset = UINT32_MAX },
    { "VECS0_VECS1_INTR_MASK", VECS0_VECS1_INTR_MASK, .reset = UINT32_MAX },
    { "GUC_SG_INTR_MASK", 0x1900e8, .reset = UINT32_MAX },
    { "GPM_WGBOXPERF_INTR_MASK", GPM_WGBOXPERF_INTR_MASK,
      .reset = UINT32_MAX },
    { "CRYPTO_RSVD_INTR_MASK", 0x1900f0, .reset = UINT32_MAX },
    { "GUNIT_CSME_INTR_MASK", 0x1900f4, .reset = UINT32_MAX },
};

void gen12_irq_init(Gen12State *s)
{
    qemu_mutex_init(&s->irq.lock);
    if (s->deterministic) {
        s->irq.timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, irq_deliver, s);
    } else {
        s->irq.bh = qemu_bh_new(irq_deliver, s);
    }
    gen12_mmio_add(s, NULL, 0, irq_regs, ARRAY_SIZE(irq_regs));
}

void gen12_irq_fini(Gen12State *s)
{
    if (s->irq.timer) {
        timer_free(s->irq.timer);
    } else {
        qemu_bh_delete(s->irq.bh);
    }
    qemu_mutex_destroy(&s->irq.lock);
}

/* For a device reset; the registers have their reset values already */
void gen12_irq_reset(Gen12State *s)
{
    qemu_mutex_lock(&s->irq.lock);
    memset(s->irq.source, 0, sizeof(s->irq.source));
    s->irq.msi_wanted = false;
    qemu_mutex_unlock(&s->irq.lock);
}
