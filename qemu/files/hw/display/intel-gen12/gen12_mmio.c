/*
 * Intel Gen12 GPU: the register file
 *
 * Each part of the device has a table of its registers, which it adds at
 * realize.  The values are in one flat array, which vCPUs and engines access
 * atomically, so that a plain register needs no lock.
 *
 * An offset that is in no table reads as 0 and ignores writes, as unclaimed
 * offsets of hardware do.  Each such access is counted and traced.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

static const Gen12RegInfo no_register = { .name = "none" };

void gen12_mmio_init(Gen12State *s)
{
    Gen12Reg none = { .info = &no_register };

    s->regs = g_malloc0(GEN12_MMIO_SIZE);
    s->reg_rows = g_array_new(false, true, sizeof(Gen12Reg));
    g_array_append_val(s->reg_rows, none);
}

void gen12_mmio_fini(Gen12State *s)
{
    for (unsigned i = 0; i < GEN12_REG_PAGES; i++) {
        g_free(s->reg_pages[i]);
    }
    g_array_free(s->reg_rows, true);
    g_free(s->regs);
}

static uint16_t *reg_slot(Gen12State *s, uint32_t reg)
{
    uint16_t **page = &s->reg_pages[reg / 4 >> GEN12_REG_PAGE_BITS];

    if (!*page) {
        *page = g_new0(uint16_t, 1 << GEN12_REG_PAGE_BITS);
    }
    return *page + (reg / 4 & ((1 << GEN12_REG_PAGE_BITS) - 1));
}

/*
 * Adds @n rows.  Where two rows have the same offset, the later row is used.
 */
void gen12_mmio_add(Gen12State *s, Gen12Engine *e, uint32_t base,
                    const Gen12RegInfo *info, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Gen12Reg row = { .info = &info[i], .engine = e, .base = base };
        uint32_t first = base + info[i].offset;

        g_array_append_val(s->reg_rows, row);
        for (unsigned k = 0; k < MAX(info[i].count, 1); k++) {
            assert(first + 4 * k < GEN12_MMIO_SIZE);
            *reg_slot(s, first + 4 * k) = s->reg_rows->len - 1;
        }
    }
}

static void reset_range(Gen12State *s, uint32_t first, uint32_t end)
{
    for (uint32_t reg = first; reg < end; reg += 4) {
        const Gen12Reg *row;

        if (!s->reg_pages[reg / 4 >> GEN12_REG_PAGE_BITS]) {
            reg += (4 << GEN12_REG_PAGE_BITS) - 4;
            continue;
        }
        row = gen12_mmio_find(s, reg);
        if (row) {
            gen12_reg_set(s, reg, row->info->reset);
        }
    }
}

void gen12_mmio_reset(Gen12State *s)
{
    reset_range(s, 0, GEN12_MMIO_SIZE);
}

/*
 * GDRST resets the registers of an engine's command streamer.  The engine's
 * other registers, such as clock gating, keep their values until a reset of
 * the device.
 */
void gen12_mmio_reset_engine(Gen12State *s, Gen12Engine *e)
{
    reset_range(s, e->info->base, e->info->base + GEN12_CS_REGS_SIZE);
}

const Gen12Reg *gen12_mmio_find(Gen12State *s, uint32_t reg)
{
    const uint16_t *page;
    unsigned row;

    if (reg >= GEN12_MMIO_SIZE) {
        return NULL;
    }
    page = s->reg_pages[reg / 4 >> GEN12_REG_PAGE_BITS];
    row = page ? page[reg / 4 & ((1 << GEN12_REG_PAGE_BITS) - 1)] : 0;
    return row ? &g_array_index(s->reg_rows, Gen12Reg, row) : NULL;
}

/* The new value of a register after a write of @value, without its handler */
static uint32_t reg_merge(const Gen12RegInfo *info, uint32_t old,
                          uint32_t value)
{
    if (info->flags & GEN12_REG_MASKED) {
        uint32_t mask = value >> 16;

        value = (old & ~mask) | (value & mask);
    }
    value = (value & ~info->ro) | (old & info->ro);
    if (info->w1c) {
        value = (value & ~info->w1c) | (old & ~value & info->w1c);
    }
    return value;
}

void gen12_mmio_apply(Gen12State *s, const Gen12RegInfo *info, uint32_t reg,
                      uint32_t value)
{
    uint32_t *p = &s->regs[reg / 4];
    uint32_t old = qatomic_read(p);
    uint32_t seen;

    while ((seen = qatomic_cmpxchg(p, old, reg_merge(info, old, value)))
           != old) {
        old = seen;
    }
}

uint32_t gen12_reg_read(Gen12State *s, uint32_t reg)
{
    const Gen12Reg *row = gen12_mmio_find(s, reg & ~3);

    reg &= ~3;
    if (!row) {
        gen12_count(s, GEN12_COUNT_UNKNOWN_READS);
        trace_gen12_unknown_read(reg);
        return 0;
    }
    return row->info->read ? row->info->read(s, row->engine, reg)
                           : gen12_reg(s, reg);
}

static void write_known(Gen12State *s, const Gen12Reg *row, uint32_t reg,
                        uint32_t value)
{
    if (row->info->ro == UINT32_MAX) {
        gen12_count(s, GEN12_COUNT_READONLY_WRITES);
        trace_gen12_readonly_write(row->info->name, reg, value);
    } else if (row->info->write) {
        row->info->write(s, row->engine, reg, value);
    } else {
        gen12_mmio_apply(s, row->info, reg, value);
    }
}

/*
 * A write by the CPU (@origin is NULL), or by a command of the engine @origin,
 * whose lock is held.  A command cannot write a register that needs the lock
 * of another engine.
 */
void gen12_reg_write(Gen12State *s, Gen12Engine *origin, uint32_t reg,
                     uint32_t value)
{
    const Gen12Reg *row = gen12_mmio_find(s, reg & ~3);

    reg &= ~3;
    if (!row) {
        gen12_count(s, GEN12_COUNT_UNKNOWN_WRITES);
        trace_gen12_unknown_write(reg, value);
        return;
    }
    if (origin && ((row->info->flags & GEN12_REG_CPU_ONLY) ||
                   (row->info->write && row->engine &&
                    row->engine != origin))) {
        gen12_guest_error(s, origin->info->name,
                          "register not writable by this engine", reg);
        return;
    }
    if (!origin && row->info->write && row->engine) {
        gen12_engine_lock(row->engine);
        write_known(s, row, reg, value);
        gen12_engine_unlock(row->engine);
    } else {
        write_known(s, row, reg, value);
    }
}

static uint64_t mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    uint32_t value = gen12_reg_read(opaque, addr);

    trace_gen12_mmio_read(addr, value);
    return extract32(value, 8 * (addr & 3), 8 * size);
}

/* A write of 1 or 2 bytes keeps the other bytes of the register. */
static void mmio_write(void *opaque, hwaddr addr, uint64_t value,
                       unsigned size)
{
    trace_gen12_mmio_write(addr, value);
    if (size < 4) {
        value = deposit32(gen12_reg(opaque, addr), 8 * (addr & 3), 8 * size,
                          value);
    }
    gen12_reg_write(opaque, NULL, addr, value);
}

const MemoryRegionOps gen12_mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, },
    .impl = { .min_access_size = 1, .max_access_size = 4, },
};
