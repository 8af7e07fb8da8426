/*
 * Intel Gen12 GPU: the aperture, which is the CPU's window into the GGTT.
 * Only platforms without local memory have it.
 *
 * Inside a fence's range the CPU sees a tiled surface as if it were linear.
 * (Volume 2c "FENCE"; Volume 5 "Tiling".)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12.h"
#include "gen12_tile.h"
#include "gen12_engine.h"

/* The GGTT address of an aperture address, detiled if a fence covers it */
static uint64_t detile(Gen12State *s, uint64_t addr)
{
    for (unsigned i = 0; i < GEN12_FENCES; i++) {
        uint32_t low = gen12_reg(s, FENCE_REG(i));
        uint32_t high = gen12_reg(s, FENCE_REG(i) + 4);
        uint64_t start = low & FENCE_ADDR, end = high & FENCE_ADDR;
        uint64_t pitch = FENCE_PITCH(high);
        uint64_t offset = addr - start;

        if ((low & FENCE_VALID) && addr >= start && addr < end + 4096) {
            Gen12Tiling tiling = low & FENCE_TILE_Y ? GEN12_TILE_Y
                                                    : GEN12_TILE_X;

            return start + gen12_tile_offset(tiling, pitch, offset % pitch,
                                             offset / pitch);
        }
    }
    return addr;
}

/*
 * Finds the RAM behind an aperture address.  Other memory is refused, as an
 * entry that points at the aperture would cause an endless recursion.
 */
static bool aperture_phys(Gen12State *s, hwaddr addr, unsigned size,
                          hwaddr *phys)
{
    AddressSpace *as = pci_get_address_space(PCI_DEVICE(s));
    uint64_t gaddr = detile(s, addr);
    uint64_t pte = gen12_ggtt_pte(s, gaddr);
    hwaddr xlat, len = size;
    MemoryRegion *mr;

    if (!(pte & GEN12_PTE_PRESENT)) {
        return false;
    }
    *phys = (pte & GEN12_PTE_ADDR) | (gaddr & 0xfff);
    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(as, *phys, &xlat, &len, true,
                                 MEMTXATTRS_UNSPECIFIED);
    return len >= size && memory_access_is_direct(mr, true);
}

static uint64_t aperture_read(void *opaque, hwaddr addr, unsigned size)
{
    Gen12State *s = opaque;
    uint64_t value = 0;
    hwaddr phys;

    if (!aperture_phys(s, addr, size, &phys)) {
        gen12_guest_error(s, "aperture", "read of no memory", addr);
        return UINT64_MAX;
    }
    pci_dma_read(PCI_DEVICE(s), phys, &value, size);
    return le64_to_cpu(value);
}

static void aperture_write(void *opaque, hwaddr addr, uint64_t value,
                           unsigned size)
{
    Gen12State *s = opaque;
    uint64_t le = cpu_to_le64(value);
    hwaddr phys;

    if (!aperture_phys(s, addr, size, &phys)) {
        gen12_guest_error(s, "aperture", "write to no memory", addr);
        return;
    }
    pci_dma_write(PCI_DEVICE(s), phys, &le, size);
}

const MemoryRegionOps gen12_aperture_ops = {
    .read = aperture_read,
    .write = aperture_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, },
    .impl = { .min_access_size = 1, .max_access_size = 8, },
};
