/*
 * Intel Gen12 GPU: blitter
 *
 * Rectangle copies and fills, on linear and tiled surfaces, with the raster
 * operations "source copy" and "pattern copy" only.  (Volume 2a, "BLT
 * Engine".)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "gen12_tile.h"
#include "trace.h"

#define ROP_SRC_COPY    0xcc
#define ROP_PAT_COPY    0xf0
#define ROW_CHUNK       4096

/* After this many bytes, at the end of a row, a blit lets go of the lock. */
#define STEP_BYTES      (256 * KiB)

/* BR00, the header */
#define XY_SRC_TILED    BIT(15)
#define XY_DST_TILED    BIT(11)
#define FAST_SRC_TILING(header) extract32(header, 20, 2)
#define FAST_DST_TILING(header) extract32(header, 13, 2)
#define   FAST_TILING_LAST 3        /* tiles of another size: not modelled */

/* BR13, and the other dwords with two halves */
#define BLT_COLOR_DEPTH(dw)     extract32(dw, 24, 2)
#define FAST_COLOR_DEPTH(dw)    extract32(dw, 24, 3)
#define BLT_RASTER_OP(dw)       extract32(dw, 16, 8)
#define BLT_PITCH(dw)           extract32(dw, 0, 16)
#define BLT_X(dw)               extract32(dw, 0, 16)
#define BLT_Y(dw)               extract32(dw, 16, 16)

#define BCS_SWCTRL      0x200
#define   SWCTRL_SRC_Y  BIT(0)
#define   SWCTRL_DST_Y  BIT(1)

typedef struct Gen12Surface {
    uint64_t addr;
    uint64_t pitch;                 /* bytes */
    uint64_t x, y;                  /* bytes, rows */
    Gen12Tiling tiling;
} Gen12Surface;

/* Reads or writes part of one row of a surface, always in the PPGTT. */
static bool surface_io(Gen12Engine *e, const Gen12Surface *surf, uint64_t x,
                       uint64_t y, void *buf, size_t len, bool write)
{
    while (len) {
        size_t n = MIN(len, gen12_tile_run(surf->tiling, x));
        uint64_t addr = surf->addr + gen12_tile_offset(surf->tiling,
                                                       surf->pitch, x, y);

        if (!(write ? gen12_mem_write(e, true, addr, buf, n)
                    : gen12_mem_read(e, true, addr, buf, n))) {
            return false;
        }
        buf += n;
        x += n;
        len -= n;
    }
    return true;
}

static Gen12CsResult copy(Gen12Engine *e, const Gen12Surface *dst,
                          const Gen12Surface *src, uint64_t width,
                          uint64_t height)
{
    uint8_t buf[ROW_CHUNK];
    uint64_t y = e->cs.progress;

    for (uint64_t bytes = 0; y < height; y++, bytes += width) {
        if (bytes >= STEP_BYTES) {
            e->cs.progress = y;
            return GEN12_CS_CONTINUE;
        }
        for (uint64_t x = 0; x < width; x += ROW_CHUNK) {
            size_t n = MIN(ROW_CHUNK, width - x);

            if (!surface_io(e, src, src->x + x, src->y + y, buf, n, false) ||
                !surface_io(e, dst, dst->x + x, dst->y + y, buf, n, true)) {
                return GEN12_CS_HALT;
            }
        }
    }
    return GEN12_CS_NEXT;
}

static Gen12CsResult fill(Gen12Engine *e, const Gen12Surface *dst,
                          uint32_t color, unsigned cpp, uint64_t width,
                          uint64_t height)
{
    uint8_t buf[ROW_CHUNK];
    uint32_t le = cpu_to_le32(color);
    uint64_t y = e->cs.progress;

    for (unsigned i = 0; i < ROW_CHUNK; i += cpp) {
        memcpy(buf + i, &le, cpp);
    }
    for (uint64_t bytes = 0; y < height; y++, bytes += width) {
        if (bytes >= STEP_BYTES) {
            e->cs.progress = y;
            return GEN12_CS_CONTINUE;
        }
        for (uint64_t x = 0; x < width; x += ROW_CHUNK) {
            if (!surface_io(e, dst, dst->x + x, dst->y + y, buf,
                            MIN(ROW_CHUNK, width - x), true)) {
                return GEN12_CS_HALT;
            }
        }
    }
    return GEN12_CS_NEXT;
}

/*
 * Sets a corner of a rectangle.  Hardware has signed coordinates; the model
 * does not support negative ones.
 */
static void corner(Gen12Surface *surf, uint32_t dw, unsigned cpp)
{
    surf->x = (uint64_t)BLT_X(dw) * cpp;
    surf->y = BLT_Y(dw);
}

static bool rectangle(uint32_t from, uint32_t to, unsigned cpp,
                      uint64_t *width, uint64_t *height)
{
    int w = (int)BLT_X(to) - (int)BLT_X(from);
    int h = (int)BLT_Y(to) - (int)BLT_Y(from);

    *width = (uint64_t)MAX(w, 0) * cpp;
    *height = MAX(h, 0);
    return w > 0 && h > 0;
}

/* XY_FAST_COPY_BLT; the pitch of a tiled surface is in dwords */
static Gen12CsResult xy_fast_copy(Gen12Engine *e, const uint32_t *cmd,
                                  unsigned n)
{
    static const uint8_t depth_cpp[8] = { 1, 2, 0, 4, 8, 16 };
    static const Gen12Tiling tilings[4] = {
        GEN12_LINEAR, GEN12_TILE_X, GEN12_TILE_Y, GEN12_LINEAR,
    };
    unsigned cpp = depth_cpp[FAST_COLOR_DEPTH(cmd[1])];
    Gen12Surface dst = {
        .addr = gen12_cs_qword(cmd + 4), .pitch = BLT_PITCH(cmd[1]),
        .tiling = tilings[FAST_DST_TILING(cmd[0])],
    };
    Gen12Surface src = {
        .addr = gen12_cs_qword(cmd + 8), .pitch = BLT_PITCH(cmd[7]),
        .tiling = tilings[FAST_SRC_TILING(cmd[0])],
    };
    uint64_t width, height;

    if (!cpp || FAST_DST_TILING(cmd[0]) == FAST_TILING_LAST ||
        FAST_SRC_TILING(cmd[0]) == FAST_TILING_LAST) {
        return gen12_cs_unsupported(e, "XY_FAST_COPY_BLT format");
    }
    dst.pitch *= dst.tiling ? 4 : 1;
    src.pitch *= src.tiling ? 4 : 1;
    corner(&dst, cmd[2], cpp);
    corner(&src, cmd[6], cpp);
    if (!rectangle(cmd[2], cmd[3], cpp, &width, &height)) {
        return GEN12_CS_NEXT;
    }
    return copy(e, &dst, &src, width, height);
}

/* In the older commands BCS_SWCTRL chooses between X and Y tiles. */
static Gen12Tiling legacy_tiling(Gen12Engine *e, bool tiled, uint32_t y_bit)
{
    if (!tiled) {
        return GEN12_LINEAR;
    }
    return gen12_ring(e, BCS_SWCTRL) & y_bit ? GEN12_TILE_Y : GEN12_TILE_X;
}

static unsigned legacy_cpp(uint32_t br13)
{
    static const uint8_t cpp[4] = { 1, 2, 2, 4 };

    return cpp[BLT_COLOR_DEPTH(br13)];
}

static Gen12CsResult xy_src_copy(Gen12Engine *e, const uint32_t *cmd,
                                 unsigned n)
{
    unsigned cpp = legacy_cpp(cmd[1]);
    Gen12Surface dst = {
        .addr = gen12_cs_qword(cmd + 4), .pitch = BLT_PITCH(cmd[1]),
        .tiling = legacy_tiling(e, cmd[0] & XY_DST_TILED, SWCTRL_DST_Y),
    };
    Gen12Surface src = {
        .addr = gen12_cs_qword(cmd + 8), .pitch = BLT_PITCH(cmd[7]),
        .tiling = legacy_tiling(e, cmd[0] & XY_SRC_TILED, SWCTRL_SRC_Y),
    };
    uint64_t width, height;

    if (BLT_RASTER_OP(cmd[1]) != ROP_SRC_COPY) {
        return gen12_cs_unsupported(e, "XY_SRC_COPY_BLT raster operation");
    }
    dst.pitch *= dst.tiling ? 4 : 1;
    src.pitch *= src.tiling ? 4 : 1;
    corner(&dst, cmd[2], cpp);
    corner(&src, cmd[6], cpp);
    if (!rectangle(cmd[2], cmd[3], cpp, &width, &height)) {
        return GEN12_CS_NEXT;
    }
    return copy(e, &dst, &src, width, height);
}

static Gen12CsResult xy_color(Gen12Engine *e, const uint32_t *cmd, unsigned n)
{
    unsigned cpp = legacy_cpp(cmd[1]);
    Gen12Surface dst = {
        .addr = gen12_cs_qword(cmd + 4), .pitch = BLT_PITCH(cmd[1]),
        .tiling = legacy_tiling(e, cmd[0] & XY_DST_TILED, SWCTRL_DST_Y),
    };
    uint64_t width, height;

    if (BLT_RASTER_OP(cmd[1]) != ROP_PAT_COPY) {
        return gen12_cs_unsupported(e, "XY_COLOR_BLT raster operation");
    }
    dst.pitch *= dst.tiling ? 4 : 1;
    corner(&dst, cmd[2], cpp);
    if (!rectangle(cmd[2], cmd[3], cpp, &width, &height)) {
        return GEN12_CS_NEXT;
    }
    return fill(e, &dst, cmd[6], cpp, width, height);
}

static Gen12CsResult other(Gen12Engine *e, const uint32_t *cmd, unsigned n)
{
    return gen12_cs_unsupported(e, "2D");
}

#define BLT(name, op, ...) { name, 2u << 29 | (op) << 22, \
                             .length_mask = 0xff, .bias = 2, \
                             .engines = BIT(GEN12_CLASS_COPY), __VA_ARGS__ }

const Gen12Command gen12_blt_commands[] = {
    BLT("XY_SETUP_BLT", 0x01, .run = other),
    BLT("XY_SETUP_CLIP_BLT", 0x03, .run = other),
    BLT("XY_FAST_COPY_BLT", 0x42, .min = 10, .run = xy_fast_copy),
    BLT("XY_COLOR_BLT", 0x50, .min = 7, .run = xy_color),
    BLT("XY_PAT_BLT", 0x51, .run = other),
    BLT("XY_SRC_COPY_BLT", 0x53, .min = 10, .run = xy_src_copy),
    BLT("XY_MONO_SRC_COPY_BLT", 0x54, .run = other),
    BLT("XY_FULL_BLT", 0x55, .run = other),
    BLT("XY_SRC_COPY_CHROMA_BLT", 0x73, .run = other),
};

const size_t gen12_blt_command_count = ARRAY_SIZE(gen12_blt_commands);
