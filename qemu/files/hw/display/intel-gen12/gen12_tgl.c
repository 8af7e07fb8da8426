/*
 * Intel Gen12 GPU: Tiger Lake GT2, an integrated GPU
 *
 * It uses system memory.  BAR 2 is the aperture.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12.h"
#include "qapi/error.h"

static const Gen12RegInfo tgl_regs[] = {
    { "FENCE", FENCE_REG(0), 2 * GEN12_FENCES },
};

static bool tgl_init_memory(Gen12State *s, Error **errp)
{
    Error *err = NULL;

    memory_region_init_ram(&s->gsm_mr, OBJECT(s), "intel-gen12.gsm",
                           GEN12_GSM_SIZE, &err);
    if (err) {
        error_propagate(errp, err);
        return false;
    }
    s->gsm = memory_region_get_ram_ptr(&s->gsm_mr);
    memory_region_init_io(&s->bar2, OBJECT(s), &gen12_aperture_ops, s,
                          "intel-gen12.aperture", GEN12_APERTURE_SIZE);
    return true;
}

const Gen12Platform gen12_tgl = {
    .type = "intel-gen12",
    .desc = "Intel Gen12 GPU (Tiger Lake GT2), without display",
    .interface = INTERFACE_CONVENTIONAL_PCI_DEVICE,
    .device_id = 0x9a49,
    .revision = 0x03,
    .irq_master = GFX_MSTR_INTR,
    .regs = tgl_regs,
    .reg_count = ARRAY_SIZE(tgl_regs),
    .init_memory = tgl_init_memory,
};
