/*
 * Intel Gen12 GPU: tiled surfaces
 *
 * A tile is one 4 KiB page: X-major 512 bytes by 8 rows, Y-major 128 bytes by
 * 32 rows in columns of 16 bytes.  (Volume 5 "Memory Data Formats",
 * "Tiling".)  Gen12 does not swizzle address bits.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INTEL_GEN12_TILE_H
#define INTEL_GEN12_TILE_H

typedef enum Gen12Tiling {
    GEN12_LINEAR,
    GEN12_TILE_X,
    GEN12_TILE_Y,
} Gen12Tiling;

/* Offset of byte @x of row @y in a surface of @pitch bytes a row */
static inline uint64_t gen12_tile_offset(Gen12Tiling tiling, uint64_t pitch,
                                         uint64_t x, uint64_t y)
{
    switch (tiling) {
    case GEN12_TILE_X:
        return (y / 8 * (pitch / 512) + x / 512) * 4096 +
               y % 8 * 512 + x % 512;
    case GEN12_TILE_Y:
        return (y / 32 * (pitch / 128) + x / 128) * 4096 +
               x % 128 / 16 * 512 + y % 32 * 16 + x % 16;
    default:
        return y * pitch + x;
    }
}

/* How many bytes are contiguous in memory from @x on */
static inline uint64_t gen12_tile_run(Gen12Tiling tiling, uint64_t x)
{
    switch (tiling) {
    case GEN12_TILE_X:
        return 512 - x % 512;
    case GEN12_TILE_Y:
        return 16 - x % 16;
    default:
        return UINT64_MAX;
    }
}

#endif
