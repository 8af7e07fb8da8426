/*
 * Intel Gen12 GPU: DG1, a discrete GPU with memory of its own
 *
 * Local memory (LMEM) starts at 0 of an address space of its own.  Its top is
 * reserved: the entries of the GGTT (GSM), then data stolen memory (DSM),
 * whose last part belongs to firmware.
 *
 *   0           GSMBASE        DSMBASE         STOLEN_RESERVED     lmem-size
 *   | free use  | GSM, 8 MiB   | DSM, 54 MiB   | WOPCM, 2 MiB      |
 *
 * BAR 2 shows all of it, or its first part (lmem-bar-size).  It is RAM, which
 * vCPUs and engines access without an exit.
 *
 * (i915: intel_region_lmem.c, i915_gem_stolen.c; the model chose the sizes.)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"

#define LMEM_DEFAULT        (4 * GiB)
#define LMEM_MIN            (256 * MiB)
#define DSM_SIZE            (56 * MiB)
#define WOPCM_SIZE          (2 * MiB)

/* pcode: has the firmware initialized the GPU? */
#define PCODE_DG1_STATUS            0x7e
#define   UNCORE_GET_INIT_STATUS    0x0
#define   UNCORE_INIT_COMPLETE      0x1

static uint64_t dsm_base(Gen12State *s)
{
    return s->lmem_size - DSM_SIZE;
}

static uint64_t gsm_base(Gen12State *s)
{
    return dsm_base(s) - GEN12_GSM_SIZE;
}

/* Reads half of a register that holds the base of a part of local memory. */
static uint32_t base_read(Gen12State *s, Gen12Engine *e, uint32_t reg)
{
    uint64_t value;

    switch (reg & ~4u) {
    case GSMBASE:
        value = gsm_base(s);
        break;
    case DSMBASE:
        value = dsm_base(s);
        break;
    default:
        value = (s->lmem_size - WOPCM_SIZE) | STOLEN_RESERVED_2M;
        break;
    }
    return reg & 4 ? value >> 32 : value;
}

static const Gen12RegInfo dg1_regs[] = {
    { "DSMBASE", DSMBASE, 2, .ro = UINT32_MAX, .read = base_read },
    { "GSMBASE", GSMBASE, 2, .ro = UINT32_MAX, .read = base_read },
    { "STOLEN_RESERVED", STOLEN_RESERVED, 2, .ro = UINT32_MAX,
      .read = base_read },
    /* No display: its presence bit is 0. */
    { "GU_CNTL_PROTECTED", GU_CNTL_PROTECTED, .ro = UINT32_MAX },
    { "GU_CNTL", GU_CNTL, .reset = GU_CNTL_LMEM_INIT,
      .ro = GU_CNTL_LMEM_INIT },

    { "MSTR_TILE_INTR", MSTR_TILE_INTR, .flags = GEN12_REG_CPU_ONLY,
      .read = gen12_irq_tile_read, .write = gen12_irq_master_write },

    /* Sensors and limits of the card: nothing is measured */
    { "PACKAGE_POWER_SKU", 0x145930, 2, .ro = UINT32_MAX },
    { "PACKAGE_POWER_SKU_UNIT", 0x145938, .ro = UINT32_MAX },
    { "PACKAGE_ENERGY_STATUS", 0x14593c, .ro = UINT32_MAX },
    { "PACKAGE_RAPL_LIMIT", 0x1459a0 },
    { "PWM_FAN_SPEED", 0x138140, .ro = UINT32_MAX },
};

static bool dg1_pcode(uint32_t mailbox, uint32_t *data)
{
    if ((mailbox & PCODE_COMMAND) != PCODE_DG1_STATUS ||
        *data != UNCORE_GET_INIT_STATUS) {
        return false;
    }
    *data = UNCORE_INIT_COMPLETE;
    return true;
}

static bool dg1_check_sizes(Gen12State *s, Error **errp)
{
    if (!s->lmem_bar_size) {
        s->lmem_bar_size = s->lmem_size;
    }
    if (!is_power_of_2(s->lmem_size) || s->lmem_size < LMEM_MIN) {
        error_setg(errp, "lmem-size must be a power of two, and at least "
                   "%" PRIu64 " MiB", (uint64_t)(LMEM_MIN / MiB));
        return false;
    }
    if (!is_power_of_2(s->lmem_bar_size) || s->lmem_bar_size < LMEM_MIN ||
        s->lmem_bar_size > s->lmem_size) {
        error_setg(errp, "lmem-bar-size must be a power of two, at least "
                   "%" PRIu64 " MiB, and no more than lmem-size",
                   (uint64_t)(LMEM_MIN / MiB));
        return false;
    }
    return true;
}

static bool dg1_init_memory(Gen12State *s, Error **errp)
{
    Object *obj = OBJECT(s);
    Error *err = NULL;

    if (!dg1_check_sizes(s, errp)) {
        return false;
    }
    memory_region_init_ram(&s->lmem, obj, "intel-gen12.lmem", s->lmem_size,
                           &err);
    if (err) {
        error_propagate(errp, err);
        return false;
    }
    address_space_init(&s->lmem_as, &s->lmem, "intel-gen12.lmem");
    memory_region_init_alias(&s->gsm_mr, obj, "intel-gen12.gsm", &s->lmem,
                             gsm_base(s), GEN12_GSM_SIZE);
    s->gsm = memory_region_get_ram_ptr(&s->lmem) + gsm_base(s);
    memory_region_init_alias(&s->bar2, obj, "intel-gen12.lmem-bar", &s->lmem,
                             0, s->lmem_bar_size);
    return true;
}

static Property dg1_properties[] = {
    DEFINE_PROP_SIZE("lmem-size", Gen12State, lmem_size, LMEM_DEFAULT),
    DEFINE_PROP_SIZE("lmem-bar-size", Gen12State, lmem_bar_size, 0),
    DEFINE_PROP_END_OF_LIST(),
};

const Gen12Platform gen12_dg1 = {
    .type = "intel-gen12-dg1",
    .desc = "Intel Gen12 GPU (DG1), without display",
    .interface = INTERFACE_PCIE_DEVICE,
    .device_id = 0x4905,
    .revision = 0x01,
    .local_memory = true,
    .ggtt_local = GEN12_GGTT_LOCAL,
    .ppgtt_local = GEN12_PPGTT_LOCAL,
    .irq_master = MSTR_TILE_INTR,
    .regs = dg1_regs,
    .reg_count = ARRAY_SIZE(dg1_regs),
    .properties = dg1_properties,
    .init_memory = dg1_init_memory,
    .pcode = dg1_pcode,
};
