/*
 * Intel Gen12 GPU: the logical ring context
 *
 * The image of a context is in the GGTT, at the address (LRCA) that its
 * descriptor gives.  Page 0 is the status page, page 1 is a list of
 * MI_LOAD_REGISTER_IMM commands.  A restore executes the list; a save writes
 * it anew, with the current values.
 *
 * The list starts with the known part of the hardware's layout.  (Volume 8,
 * "Logical Ring Context Format"; i915's selftests live_lrc_layout and
 * live_lrc_fixed check the places that the driver relies on.)  The other
 * registers of a context, those marked GEN12_REG_CTX, follow in an order that
 * the model chose.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

#define IMAGE_STATE         0x1000          /* page 1 */
#define IMAGE_DWORDS        1024
#define IMAGE_TAIL          0x07            /* dword with the tail's value */
#define IMAGE_BB_ADDR       0x0f            /* dword with BB_ADDR's value */
#define IMAGE_MODEL         0x0c0           /* start of the model's part */
#define IMAGE_GROUP_MAX     60              /* registers in one command */
#define BASIC_GROUPS        2               /* loaded at every restore */

#define MI_LRI              (0x22u << 23)
#define   MI_LRI_CS_MMIO    BIT(19)         /* offsets relative to an engine */
#define   MI_LRI_POSTED     BIT(12)
#define MI_BATCH_END        (0x0au << 23)

typedef struct Gen12ContextGroup {
    uint16_t dword;                         /* place of the header */
    uint16_t count;
    uint32_t flags;
    bool render_only;
    const uint16_t *regs;
} Gen12ContextGroup;

static const uint16_t regs_ring[] = {
    RING_CTX_CONTROL, RING_HEAD, RING_TAIL, RING_START, RING_CTL,
    RING_BB_ADDR_UDW, RING_BB_ADDR, RING_BB_STATE, RING_BB_PER_CTX_PTR,
    RING_INDIRECT_CTX, RING_INDIRECT_CTX_OFFSET, RING_CCID,
    RING_CTX_SEMAPHORE_TOKEN,
};

static const uint16_t regs_ppgtt[] = {
    RING_CTX_TIMESTAMP,
    RING_PDP_UDW(3), RING_PDP(3), RING_PDP_UDW(2), RING_PDP(2),
    RING_PDP_UDW(1), RING_PDP(1), RING_PDP_UDW(0), RING_PDP(0),
};

static const uint16_t regs_oa[] = {
    RING_CTXT_PREMP_DBG, RING_OA_CTX_CONTROL, RING_OA_CTX_ID,
};

static const uint16_t regs_power[] = { RING_PWR_CLK_STATE };

#define GPR_DW(n) (RING_GPR + 4 * (n))

static const uint16_t regs_engine[] = {
    RING_CTX_NOP, RING_CTX_NOP, RING_CTX_NOP, RING_CTX_NOP, RING_CTX_NOP,
    RING_CTX_NOP, RING_EXCC, RING_MI_MODE, RING_INSTPM, RING_PR_CTR_CTL,
    RING_PR_CTR_THRSH, RING_TIMESTAMP, RING_BB_PREEMPT_ADDR,
    RING_BB_START_ADDR, RING_BB_START_ADDR_UDW, RING_BB_OFFSET,
    RING_PREDICATE_RESULT_1,
    GPR_DW(0), GPR_DW(1), GPR_DW(2), GPR_DW(3), GPR_DW(4), GPR_DW(5),
    GPR_DW(6), GPR_DW(7), GPR_DW(8), GPR_DW(9), GPR_DW(10), GPR_DW(11),
    GPR_DW(12), GPR_DW(13), GPR_DW(14), GPR_DW(15), GPR_DW(16), GPR_DW(17),
    GPR_DW(18), GPR_DW(19), GPR_DW(20), GPR_DW(21), GPR_DW(22), GPR_DW(23),
    GPR_DW(24), GPR_DW(25), GPR_DW(26), GPR_DW(27), GPR_DW(28), GPR_DW(29),
    GPR_DW(30), GPR_DW(31),
    RING_IPEHR,
    RING_CMD_BUF_CCTL,                      /* render only */
};

#define LRI_ENGINE (MI_LRI | MI_LRI_CS_MMIO)

static const Gen12ContextGroup groups[] = {
    { 0x001, 13, LRI_ENGINE | MI_LRI_POSTED, false, regs_ring },
    { 0x021, 9, LRI_ENGINE | MI_LRI_POSTED, false, regs_ppgtt },
    { 0x034, 3, LRI_ENGINE | MI_LRI_POSTED, true, regs_oa },
    { 0x041, 1, LRI_ENGINE, true, regs_power },
    { 0x051, 50, LRI_ENGINE | MI_LRI_POSTED, false, regs_engine },
};

static uint64_t image_addr(uint64_t desc, unsigned dword)
{
    return (desc & CTX_DESC_LRCA) + IMAGE_STATE + 4 * dword;
}

/*
 * Loads a register from an image.  Registers that an image cannot set keep
 * their values.
 */
static void load_register(Gen12Engine *e, uint32_t header, uint32_t reg,
                          uint32_t value)
{
    const Gen12Reg *row;

    if (header & MI_LRI_CS_MMIO) {
        reg = e->info->base + (reg & e->info->context_reg_mask);
    }
    row = gen12_mmio_find(e->s, reg & ~3u);
    if (!row || (!(header & MI_LRI_CS_MMIO) &&
                 !(row->info->flags & GEN12_REG_CTX))) {
        gen12_guest_error(e->s, e->info->name, "register in context image",
                          reg);
        return;
    }
    if (reg == e->info->base + RING_CTX_TIMESTAMP) {
        row->info->write(e->s, e, reg, value);
    } else if (row->info->ro != UINT32_MAX &&
               !(row->info->flags & GEN12_REG_CPU_ONLY)) {
        gen12_mmio_apply(e->s, row->info, reg & ~3u, value);
    }
}

/* Executes the list of an image; returns false if it is malformed. */
static bool load_image(Gen12Engine *e, const uint32_t *image)
{
    unsigned group = 0;

    for (unsigned i = 0; i < IMAGE_DWORDS; ) {
        uint32_t header = le32_to_cpu(image[i]);
        unsigned n = (extract32(header, 0, 8) + 1) / 2;

        if (header >> 23 == 0) {
            i++;
            continue;
        }
        if (header >> 23 == MI_BATCH_END >> 23) {
            return true;
        }
        if (header >> 23 != MI_LRI >> 23 || i + 1 + 2 * n > IMAGE_DWORDS) {
            return false;
        }
        if (group++ >= BASIC_GROUPS &&
            (gen12_ring(e, RING_CTX_CONTROL) & CTX_CTRL_RESTORE_INHIBIT)) {
            return true;
        }
        for (unsigned k = 0; k < n; k++) {
            load_register(e, header, le32_to_cpu(image[i + 1 + 2 * k]),
                          le32_to_cpu(image[i + 2 + 2 * k]));
        }
        i += 1 + 2 * n;
    }
    return true;
}

static void run_workaround_batches(Gen12Engine *e)
{
    uint32_t indirect = gen12_ring(e, RING_INDIRECT_CTX);
    uint32_t per_ctx = gen12_ring(e, RING_BB_PER_CTX_PTR);

    if (indirect & INDIRECT_CTX_LINES) {
        gen12_cs_run_wa(e, indirect & INDIRECT_CTX_ADDR,
                        (indirect & INDIRECT_CTX_LINES) * 64);
    }
    if (per_ctx & BB_PER_CTX_VALID) {
        gen12_cs_run_wa(e, per_ctx & BB_PER_CTX_ADDR, 0);
    }
}

/* Loads a context, which then continues where it stopped. */
bool gen12_context_restore(Gen12Engine *e, uint64_t desc)
{
    uint32_t image[IMAGE_DWORDS];

    /* PPGTT translations belong to the previous address space. */
    gen12_tlb_flush(e, true);
    if (!gen12_mem_read(e, false, image_addr(desc, 0), image,
                        sizeof(image))) {
        return false;
    }
    gen12_ring_set(e, RING_BB_ADDR, 0);
    gen12_ring_set(e, RING_SBB_ADDR, 0);
    if (!load_image(e, image)) {
        gen12_cs_guest_error(e, "context image", desc);
        return false;
    }
    trace_gen12_context_restore(e->info->name, desc,
                                gen12_ring(e, RING_START),
                                gen12_ring(e, RING_HEAD),
                                gen12_ring(e, RING_TAIL));
    /*
     * The batch is resumed only once.  A reset saves nothing; after it the
     * driver starts again from the ring.
     */
    if ((gen12_ring(e, RING_BB_ADDR) & BB_ADDR_VALID) &&
        !gen12_mem_write32(e, false, image_addr(desc, IMAGE_BB_ADDR), 0)) {
        return false;
    }
    gen12_cs_reset(e);
    run_workaround_batches(e);
    gen12_cs_resume(e);
    return !e->halted;
}

/* A lite restore loads only the tail. */
void gen12_context_sample_tail(Gen12Engine *e, uint64_t desc)
{
    uint32_t tail;

    if (gen12_mem_read32(e, false, image_addr(desc, IMAGE_TAIL), &tail)) {
        gen12_ring_set(e, RING_TAIL, tail);
    }
}

static uint32_t saved_value(Gen12Engine *e, uint32_t reg)
{
    const Gen12Reg *row = gen12_mmio_find(e->s, reg);
    uint32_t value;

    if (!row) {
        return 0;
    }
    value = row->info->read ? row->info->read(e->s, row->engine, reg)
                            : gen12_reg(e->s, reg);
    if (reg == e->info->base + RING_CTX_CONTROL) {
        value &= ~CTX_CTRL_RESTORE_INHIBIT;
    }
    if (row->info->flags & GEN12_REG_MASKED) {
        value |= 0xffff0000;
    }
    return value;
}

/* Writes a command of the list to @image at @dword; returns the next dword. */
static unsigned save_group(Gen12Engine *e, uint32_t *image, unsigned dword,
                           uint32_t flags, const uint32_t *regs,
                           unsigned count)
{
    image[dword++] = cpu_to_le32(flags | (2 * count - 1));
    for (unsigned i = 0; i < count; i++) {
        image[dword++] = cpu_to_le32(regs[i]);
        image[dword++] = cpu_to_le32(saved_value(e, regs[i]));
    }
    return dword;
}

static void save_known(Gen12Engine *e, uint32_t *image)
{
    bool render = e->info->class == GEN12_CLASS_RENDER;

    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        const Gen12ContextGroup *g = &groups[i];
        unsigned count = g->count;
        uint32_t regs[IMAGE_GROUP_MAX];

        if (g->render_only && !render) {
            continue;
        }
        if (g->regs == regs_engine && render) {
            count = ARRAY_SIZE(regs_engine);
        }
        for (unsigned k = 0; k < count; k++) {
            regs[k] = e->info->base + g->regs[k];
        }
        save_group(e, image, g->dword, g->flags, regs, count);
    }
}

/*
 * Saves the engine's registers marked GEN12_REG_CTX.  If @relative, these are
 * the ones at offsets from the engine's base, which another engine of the
 * class can load; else the ones at absolute offsets.
 */
static unsigned save_marked(Gen12Engine *e, uint32_t *image, unsigned dword,
                            bool relative)
{
    uint32_t flags = relative ? LRI_ENGINE : MI_LRI;
    uint32_t regs[IMAGE_GROUP_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < e->s->reg_rows->len; i++) {
        const Gen12Reg *row = &g_array_index(e->s->reg_rows, Gen12Reg, i);
        const Gen12RegInfo *info = row->info;

        if (!(info->flags & GEN12_REG_CTX) || row->engine != e ||
            relative != (row->base == e->info->base)) {
            continue;
        }
        for (unsigned k = 0; k < MAX(info->count, 1); k++) {
            regs[count++] = row->base + info->offset + 4 * k;
            if (count == IMAGE_GROUP_MAX) {
                dword = save_group(e, image, dword, flags, regs, count);
                count = 0;
            }
        }
    }
    return count ? save_group(e, image, dword, flags, regs, count) : dword;
}

/*
 * Saves a context, but not the tail: the driver owns the tail, and may write a
 * new one at the same time.
 */
void gen12_context_save(Gen12Engine *e, uint64_t desc)
{
    uint32_t image[IMAGE_DWORDS] = { 0 };
    unsigned end;

    gen12_cs_save_position(e);
    save_known(e, image);
    end = save_marked(e, image, IMAGE_MODEL, true);
    end = save_marked(e, image, end, false);
    image[end++] = cpu_to_le32(MI_BATCH_END | 1);
    trace_gen12_context_save(e->info->name, desc, gen12_ring(e, RING_HEAD));
    gen12_reg_set(e->s, e->info->base + RING_CTX_TIMESTAMP,
                  saved_value(e, e->info->base + RING_CTX_TIMESTAMP));
    if (!gen12_mem_write(e, false, image_addr(desc, 0), image,
                         4 * IMAGE_TAIL)) {
        return;
    }
    gen12_mem_write(e, false, image_addr(desc, IMAGE_TAIL + 1),
                    image + IMAGE_TAIL + 1, 4 * (end - IMAGE_TAIL - 1));
}
