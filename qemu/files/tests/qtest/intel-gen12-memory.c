/*
 * QTest of the Intel Gen12 GPU: translation, faults, TLBs
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "intel-gen12-gpu.h"

#define BATCH_VA        0x00007ffff0000000ull
#define BATCH_LDW       ((uint32_t)BATCH_VA)
#define BATCH_UDW       (BATCH_VA >> 32)

/* A context whose ring starts a batch at BATCH_VA of a PPGTT of its own */
typedef struct Space {
    Gpu *gpu;
    uint64_t pml4;
    GpuStream batch;
    GpuContext *ctx;
} Space;

static Space new_space(Gpu *gpu, GpuEngineId id)
{
    Space s = { .gpu = gpu, .pml4 = gpu_ram(gpu, 1), .batch = gpu_batch(gpu) };

    s.ctx = gpu_context(gpu, id, s.pml4);
    gpu_ppgtt_map(gpu, s.pml4, BATCH_VA, s.batch.buf.phys | PTE_PRESENT,
                  LEAF_4K);
    EMIT(&s.ctx->ring, MI_BATCH_BUFFER_START | BB_PPGTT, BATCH_LDW,
         BATCH_UDW);
    return s;
}

static void emit_store(GpuStream *stream, uint64_t addr, uint32_t value)
{
    EMIT(stream, MI_STORE_DATA_IMM, addr, addr >> 32, value);
}

static void run_space(Space *s)
{
    EMIT(&s->batch, MI_BATCH_BUFFER_END);
    gpu_run(s->gpu, s->ctx);
}

/* Each leaf size: the first and last dword, and one in between */
static void test_leaves(Gpu *gpu)
{
    static const struct { GpuLeaf leaf; uint64_t addr; unsigned pages; }
    rows[] = {
        { LEAF_4K,  0x0000000000001000,   1 },
        { LEAF_4K,  0x0000fffffffff000,   1 },
        { LEAF_64K, 0x0000123456780000,  16 },
        { LEAF_64K, 0x00000000002f0000,  16 },
        { LEAF_2M,  0x0000400000000000, 512 },
        { LEAF_2M,  0x00007fffffe00000, 512 },
    };
    Space s = new_space(gpu, BCS0);
    uint64_t phys[ARRAY_SIZE(rows)];

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t size = rows[i].pages * PAGE_BYTES;

        phys[i] = gpu_ram(gpu, rows[i].pages);
        gpu_ppgtt_map(gpu, s.pml4, rows[i].addr, phys[i] | PTE_PRESENT,
                      rows[i].leaf);
        emit_store(&s.batch, rows[i].addr, 0x1000 + i);
        emit_store(&s.batch, rows[i].addr + size / 2 + 0x24, 0x2000 + i);
        emit_store(&s.batch, rows[i].addr + size - 4, 0x3000 + i);
    }
    run_space(&s);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t size = rows[i].pages * PAGE_BYTES;

        g_assert_cmphex(gpu_peek(gpu, phys[i]), ==, 0x1000 + i);
        g_assert_cmphex(gpu_peek(gpu, phys[i] + size / 2 + 0x24), ==,
                        0x2000 + i);
        g_assert_cmphex(gpu_peek(gpu, phys[i] + size - 4), ==, 0x3000 + i);
    }
}

/* A leaf of 1 GiB maps all RAM, at an address without a zero index. */
static void test_leaf_1g(Gpu *gpu)
{
    Space s = new_space(gpu, RCS0);
    uint64_t va = 0x0000009040000000ull, phys = gpu_ram(gpu, 1);

    gpu_ppgtt_map(gpu, s.pml4, va, (phys & GPU_LOCAL) | PTE_PRESENT, LEAF_1G);
    emit_store(&s.batch, va + (phys & ~GPU_LOCAL) + 8, 0x1616);
    run_space(&s);
    g_assert_cmphex(gpu_peek(gpu, phys + 8), ==, 0x1616);
}

/*
 * In a table of 64 KiB pages only each sixteenth entry counts; a table of
 * 4 KiB pages beside it is read entry by entry.
 */
static void test_64k_entries(Gpu *gpu)
{
    Space s = new_space(gpu, RCS0);
    uint64_t wrong = gpu_ram(gpu, 1), big = gpu_ram(gpu, 16);
    uint64_t small = gpu_ram(gpu, 2), va = 0x200000;

    gpu_ppgtt_map(gpu, s.pml4, va, big | PTE_PRESENT, LEAF_64K);
    gpu_pokeq(gpu, gpu_ppgtt_entry(gpu, s.pml4, va + 0x3000, 0),
              gpu_leaf(wrong | PTE_PRESENT));
    for (unsigned i = 0; i < 2; i++) {
        gpu_ppgtt_map(gpu, s.pml4, 0x400000 + i * PAGE_BYTES,
                      (small + (1 - i) * PAGE_BYTES) | PTE_PRESENT, LEAF_4K);
    }
    emit_store(&s.batch, va + 0x3000, 0x64);
    emit_store(&s.batch, 0x400000, 0x40);
    emit_store(&s.batch, 0x401000, 0x41);
    run_space(&s);
    g_assert_cmphex(gpu_peek(gpu, wrong), ==, 0);
    g_assert_cmphex(gpu_peek(gpu, big + 0x3000), ==, 0x64);
    g_assert_cmphex(gpu_peek(gpu, small + PAGE_BYTES), ==, 0x40);
    g_assert_cmphex(gpu_peek(gpu, small), ==, 0x41);
}

/* One store of two qwords, to two pages that are not adjacent in memory */
static void test_page_crossing(Gpu *gpu)
{
    Space s = new_space(gpu, VCS0);
    uint64_t a = gpu_ram(gpu, 1), b, va = 0x10000;

    gpu_ram(gpu, 1);
    b = gpu_ram(gpu, 1);
    gpu_ppgtt_map(gpu, s.pml4, va, a | PTE_PRESENT, LEAF_4K);
    gpu_ppgtt_map(gpu, s.pml4, va + PAGE_BYTES, b | PTE_PRESENT, LEAF_4K);
    EMIT(&s.batch, MI(0x20) | BIT(21) | 5, va + PAGE_BYTES - 8, 0, 1, 2, 3, 4);
    run_space(&s);
    g_assert_cmphex(gpu_peek(gpu, a + PAGE_BYTES - 4), ==, 2);
    g_assert_cmphex(gpu_peek(gpu, b), ==, 3);
    g_assert_cmphex(gpu_peek(gpu, b + 4), ==, 4);
    g_assert_cmphex(gpu_peek(gpu, a + PAGE_BYTES), ==, 0);
}

/* One address in two address spaces maps two pages. */
static void test_two_spaces(Gpu *gpu)
{
    Space s[2];
    uint64_t phys[2];

    for (unsigned i = 0; i < 2; i++) {
        s[i] = new_space(gpu, RCS0);
        phys[i] = gpu_ram(gpu, 1);
        gpu_ppgtt_map(gpu, s[i].pml4, 0x5000, phys[i] | PTE_PRESENT, LEAF_4K);
        emit_store(&s[i].batch, 0x5000, 0x50 + i);
        EMIT(&s[i].batch, MI_BATCH_BUFFER_END);
    }
    gpu_submit(gpu, s[0].ctx, s[1].ctx);
    for (unsigned i = 0; i < 3; i++) {
        gpu_event(gpu, RCS0);
    }
    g_assert_cmphex(gpu_peek(gpu, phys[0]), ==, 0x50);
    g_assert_cmphex(gpu_peek(gpu, phys[1]), ==, 0x51);
}

/* A NULL entry: reads give 0, writes vanish, and nothing faults. */
static void test_null(Gpu *gpu)
{
    Space s = new_space(gpu, RCS0);
    uint64_t hidden = gpu_ram(gpu, 1), seen = gpu_ram(gpu, 1);

    gpu_poke(gpu, hidden, 0x1234);
    gpu_poke(gpu, seen, 0x5678);
    gpu_ppgtt_map(gpu, s.pml4, 0x1000, hidden | PTE_PRESENT | PTE_NULL,
                  LEAF_4K);
    gpu_ppgtt_map(gpu, s.pml4, 0x2000, seen | PTE_PRESENT, LEAF_4K);
    emit_store(&s.batch, 0x1000, 0xbad);
    EMIT(&s.batch, MI_COPY_MEM_MEM, 0x2000, 0, 0x1000, 0);
    run_space(&s);
    g_assert_cmphex(gpu_peek(gpu, hidden), ==, 0x1234);
    g_assert_cmphex(gpu_peek(gpu, seen), ==, 0);
}

/* A NULL entry for 512 GiB is invalidated like other entries. */
static void test_null_pml4(Gpu *gpu)
{
    const uint64_t va = 1ull << 39;
    uint64_t seen = gpu_ram(gpu, 1);

    for (unsigned run = 0; run < 2; run++) {
        Space s = new_space(gpu, RCS0);

        gpu_poke(gpu, seen, 0x5678);
        gpu_pokeq(gpu, s.pml4 + 8, PTE_NULL);
        gpu_ppgtt_map(gpu, s.pml4, 0x2000, seen | PTE_PRESENT, LEAF_4K);
        emit_store(&s.batch, va, 0xbad);
        emit_store(&s.batch, va + 0x10000, 0xbad);
        EMIT(&s.batch, MI_COPY_MEM_MEM, 0x2000, 0, (uint32_t)(va + 0x1000),
             (va + 0x1000) >> 32);
        run_space(&s);
        g_assert_cmphex(gpu_peek(gpu, seen), ==, 0);
    }
}

static uint64_t fault_address(Gpu *gpu)
{
    return (uint64_t)gpu_read(gpu, FAULT_TLB_DATA0) << 12 |
           (uint64_t)(gpu_read(gpu, FAULT_TLB_DATA1) & 0xf) << 44;
}

/* The engine stops at the fault, and runs again after its reset. */
static void check_fault(Space *s, uint64_t addr, uint64_t witness)
{
    Gpu *gpu = s->gpu;
    GpuEngineId id = s->ctx->id;
    uint32_t hwsp = gpu_ring_read(gpu, id, RING_HWS_PGA), fault;
    GpuContext *next = gpu_context(gpu, id, 0);
    GpuBuffer data = gpu_buffer(gpu, 1);

    EMIT(&s->batch, MI_BATCH_BUFFER_END);
    gpu_submit(gpu, s->ctx, NULL);
    g_assert_cmphex(gpu_event(gpu, id), ==,
                    gpu_event_switch(s->ctx, NULL, 0));
    GPU_WAIT(gpu, gpu_read(gpu, RING_FAULT_REG) & FAULT_VALID);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, id));
    g_assert_cmphex(gpu_peek(gpu, witness), ==, 1);
    fault = gpu_read(gpu, RING_FAULT_REG);
    g_assert_cmphex(FAULT_ENGINE(fault), ==, gpu_engines[id].fault_id);
    g_assert_cmphex(fault & FAULT_GGTT, ==, 0);
    g_assert_cmphex(gpu_read(gpu, FAULT_TLB_DATA1) & BIT(4), ==, 0);
    g_assert_cmphex(fault_address(gpu), ==, addr & ~0xfffull);

    gpu_write(gpu, RING_FAULT_REG, 0);
    g_assert_cmphex(gpu_read(gpu, RING_FAULT_REG) & FAULT_VALID, ==, 0);
    gpu_write(gpu, GDRST, gpu_engines[id].gdrst);
    gpu_ring_write(gpu, id, RING_HWS_PGA, hwsp);
    gpu_engine_setup(gpu, id);
    EMIT(&next->ring, MI_STORE_DATA_IMM | MI_GGTT, data.ggtt, 0, 2);
    gpu_run(gpu, next);
    g_assert_cmphex(gpu_peek(gpu, data.phys), ==, 2);
}

/* An entry is missing at each of the four levels, on each engine. */
static void test_not_present(Gpu *gpu)
{
    static const uint64_t va[] = {
        0x00007fffefffe008, 0x00007fffe0000000, 0x00007f0000000000,
        0x0000100000000abc,
    };

    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        Space s = new_space(gpu, id);
        uint64_t witness = gpu_ram(gpu, 1), addr = va[id % ARRAY_SIZE(va)];

        gpu_ppgtt_map(gpu, s.pml4, 0x7fffeffff000, witness | PTE_PRESENT,
                      LEAF_4K);
        emit_store(&s.batch, 0x7fffeffff000, 1);
        emit_store(&s.batch, addr, 2);
        emit_store(&s.batch, 0x7fffeffff000, 3);
        check_fault(&s, addr, witness);
    }
    gpu_expect(gpu, "faults", GPU_ENGINES);
    gpu_expect(gpu, "engine-resets", GPU_ENGINES);
}

/* The type of a fault is the level where the walk ended. */
static void test_fault_levels(Gpu *gpu)
{
    for (unsigned level = 0; level < 4; level++) {
        Space s = new_space(gpu, BCS0);
        uint32_t hwsp = gpu_ring_read(gpu, BCS0, RING_HWS_PGA);

        gpu_pokeq(gpu, gpu_ppgtt_entry(gpu, s.pml4, 0x1000, level), 0);
        EMIT(&s.batch, MI_COPY_MEM_MEM, BATCH_LDW + 0x800, BATCH_UDW, 0x1000,
             0);
        EMIT(&s.batch, MI_BATCH_BUFFER_END);
        gpu_submit(gpu, s.ctx, NULL);
        GPU_WAIT(gpu, gpu_read(gpu, RING_FAULT_REG) & FAULT_VALID);
        g_assert_cmphex(FAULT_TYPE(gpu_read(gpu, RING_FAULT_REG)), ==, level);
        gpu_write(gpu, RING_FAULT_REG, 0);
        gpu_write(gpu, GDRST, gpu_engines[BCS0].gdrst);
        gpu_ring_write(gpu, BCS0, RING_HWS_PGA, hwsp);
        gpu_engine_setup(gpu, BCS0);
    }
    gpu_expect(gpu, "faults", 4);
    gpu_expect(gpu, "engine-resets", 4);
}

static void test_ggtt_fault(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);
    GpuBuffer data = gpu_buffer(gpu, 1);
    uint32_t fault;

    EMIT(&ctx->ring, MI_STORE_DATA_IMM | MI_GGTT, data.ggtt, 0, 1,
         MI_STORE_DATA_IMM | MI_GGTT, 0xfff00000, 0, 2,
         MI_STORE_DATA_IMM | MI_GGTT, data.ggtt, 0, 3);
    gpu_submit(gpu, ctx, NULL);
    gpu_event(gpu, RCS0);
    GPU_WAIT(gpu, gpu_read(gpu, RING_FAULT_REG) & FAULT_VALID);
    fault = gpu_read(gpu, RING_FAULT_REG);
    g_assert_cmphex(fault & FAULT_GGTT, ==, FAULT_GGTT);
    g_assert_cmphex(gpu_read(gpu, FAULT_TLB_DATA1) & BIT(4), ==, BIT(4));
    g_assert_cmphex(fault_address(gpu), ==, 0xfff00000);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, RCS0));
    g_assert_cmphex(gpu_peek(gpu, data.phys), ==, 1);
    gpu_expect(gpu, "faults", 1);
}

/* The first fault stays until the driver clears it. */
static void test_first_fault(Gpu *gpu)
{
    GpuContext *ctx;

    ctx = gpu_context(gpu, VCS2, 0);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM | MI_GGTT, 0xfff00000, 0, 2);
    gpu_submit(gpu, ctx, NULL);
    GPU_WAIT(gpu, gpu_read(gpu, RING_FAULT_REG) & FAULT_VALID);
    ctx = gpu_context(gpu, VECS0, 0);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM | MI_GGTT, 0xfee00000, 0, 2);
    gpu_submit(gpu, ctx, NULL);
    GPU_WAIT(gpu, gpu_counter(gpu, "faults") == 2);
    g_assert_cmphex(fault_address(gpu), ==, 0xfff00000);
    g_assert_cmphex(FAULT_ENGINE(gpu_read(gpu, RING_FAULT_REG)), ==,
                    gpu_engines[VCS2].fault_id);
    gpu_expect(gpu, "faults", 2);
}

/* Pages outside RAM, one of them registers: guest errors, and no hang */
static void test_outside_ram(Gpu *gpu)
{
    Space s = new_space(gpu, RCS0);
    uint64_t data = gpu_ram(gpu, 1);
    uint64_t page[] = { 0x3f0000000000ull, gpu->bar0.addr + 0x2000 };

    gpu_ring_write(gpu, RCS0, RING_GPR(0), 0x1234);
    gpu_ppgtt_map(gpu, s.pml4, 0x2000, data | PTE_PRESENT, LEAF_4K);
    for (unsigned i = 0; i < ARRAY_SIZE(page); i++) {
        uint64_t va = 0x10000 + i * PAGE_BYTES;

        gpu_ppgtt_map(gpu, s.pml4, va, page[i] | PTE_PRESENT, LEAF_4K);
        emit_store(&s.batch, va + RING_GPR(0), 1);
        EMIT(&s.batch, MI_COPY_MEM_MEM, 0x2000 + 4 * i, 0, va + RING_GPR(0),
             0);
    }
    run_space(&s);
    g_assert_cmphex(gpu_peek(gpu, data), ==, UINT32_MAX);
    g_assert_cmphex(gpu_peek(gpu, data + 4), ==, UINT32_MAX);
    g_assert_cmphex(gpu_ring_read(gpu, RCS0, RING_GPR(0)), !=, 1);
    gpu_expect(gpu, "guest-errors", ARRAY_SIZE(page));
}

/* A page table outside RAM has no entries. */
static void test_table_outside_ram(Gpu *gpu)
{
    Space s = new_space(gpu, VECS0);

    gpu_pokeq(gpu, gpu_ppgtt_entry(gpu, s.pml4, 0x1000, 1),
              gpu->bar0.addr | PTE_PRESENT | PTE_WRITE);
    emit_store(&s.batch, 0x1000, 1);
    gpu_submit(gpu, s.ctx, NULL);
    GPU_WAIT(gpu, gpu_read(gpu, RING_FAULT_REG) & FAULT_VALID);
    g_assert_cmphex(FAULT_TYPE(gpu_read(gpu, RING_FAULT_REG)), ==, 0);
    gpu_expect(gpu, "guest-errors", 1);
    gpu_expect(gpu, "faults", 1);
}

/*
 * TLBs.  A context stores to one page, waits while the test changes the page
 * table entry, perhaps invalidates, and stores again.
 */
typedef struct TlbRun {
    Gpu *gpu;
    Space s;
    GpuEngineId id;
    uint64_t old, new;              /* pages */
    GpuBuffer flag, ggtt;
} TlbRun;

#define TLB_VA  0x30000000ull

static TlbRun tlb_new(Gpu *gpu, GpuEngineId id)
{
    TlbRun t = { .gpu = gpu, .id = id, .s = new_space(gpu, id) };

    t.old = gpu_ram(gpu, 1);
    t.new = gpu_ram(gpu, 1);
    t.flag = gpu_buffer(gpu, 1);
    t.ggtt = gpu_buffer(gpu, 1);
    gpu_ggtt_map(gpu, t.ggtt.ggtt, t.old | PTE_PRESENT);
    gpu_ppgtt_map(gpu, t.s.pml4, TLB_VA, t.old | PTE_PRESENT, LEAF_4K);
    gpu_ppgtt_map(gpu, t.s.pml4, TLB_VA + PAGE_BYTES,
                  t.flag.phys | PTE_PRESENT, LEAF_4K);
    return t;
}

/* Changes both mappings of the old page to the new one. */
static void tlb_remap(TlbRun *t)
{
    gpu_ggtt_map(t->gpu, t->ggtt.ggtt, t->new | PTE_PRESENT);
    gpu_ppgtt_map(t->gpu, t->s.pml4, TLB_VA, t->new | PTE_PRESENT, LEAF_4K);
}

/* Stores through both translations: dword 0 PPGTT, dword 1 GGTT */
static void tlb_emit_stores(TlbRun *t, uint32_t value)
{
    emit_store(&t->s.ctx->ring, TLB_VA, value);
    EMIT(&t->s.ctx->ring, MI_STORE_DATA_IMM | MI_GGTT, t->ggtt.ggtt + 4, 0,
         value);
}

static void tlb_emit_wait(TlbRun *t)
{
    EMIT(&t->s.ctx->ring, MI_SEMAPHORE_WAIT | MI_GGTT | SAD_EQ_SDD, 1,
         t->flag.ggtt, 0, 0);
}

/* Runs up to the wait, and changes the page tables then. */
static void tlb_start(TlbRun *t)
{
    EMIT(&t->s.batch, MI_BATCH_BUFFER_END);
    gpu_submit(t->gpu, t->s.ctx, NULL);
    gpu_event(t->gpu, t->id);
    GPU_WAIT(t->gpu, gpu_peek(t->gpu, t->old + 4) == 1);
    tlb_remap(t);
}

static void tlb_finish(TlbRun *t)
{
    gpu_poke(t->gpu, t->flag.phys, 1);
    g_assert_cmphex(gpu_event(t->gpu, t->id), ==,
                    gpu_event_complete(t->s.ctx, NULL));
}

/* Dword @i went to the new page, or still to the old one. */
static void tlb_check(TlbRun *t, unsigned i, bool new)
{
    g_assert_cmphex(gpu_peek(t->gpu, t->old + 4 * i), ==, new ? 1 : 2);
    g_assert_cmphex(gpu_peek(t->gpu, t->new + 4 * i), ==, new ? 2 : 0);
}

/* Without an invalidation the engine uses the old translations. */
static void test_tlb_stale(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        TlbRun t = tlb_new(gpu, id);

        tlb_emit_stores(&t, 1);
        tlb_emit_wait(&t);
        tlb_emit_stores(&t, 2);
        tlb_start(&t);
        tlb_finish(&t);
        tlb_check(&t, 0, false);
        tlb_check(&t, 1, false);
    }
}

/* Invalidates the TLB by MI_FLUSH_DW, or PIPE_CONTROL on the render engine. */
static void test_tlb_command(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        TlbRun t = tlb_new(gpu, id);

        tlb_emit_stores(&t, 1);
        tlb_emit_wait(&t);
        if (id == RCS0) {
            EMIT(&t.s.ctx->ring,
                 PIPE_CONTROL, PC_TLB_INVALIDATE | PC_CS_STALL, 0, 0, 0, 0);
        } else {
            EMIT(&t.s.ctx->ring, MI_FLUSH_DW | FLUSH_DW_TLB_INV, 0, 0, 0, 0);
        }
        tlb_emit_stores(&t, 2);
        tlb_start(&t);
        tlb_finish(&t);
        tlb_check(&t, 0, true);
    }
}

/* The same commands without the invalidate bit invalidate nothing. */
static void test_tlb_plain_flush(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        TlbRun t = tlb_new(gpu, id);

        tlb_emit_stores(&t, 1);
        tlb_emit_wait(&t);
        if (id == RCS0) {
            EMIT(&t.s.ctx->ring, PIPE_CONTROL, PC_CS_STALL, 0, 0, 0, 0);
        } else {
            EMIT(&t.s.ctx->ring, MI_FLUSH_DW, 0, 0, 0, 0);
        }
        tlb_emit_stores(&t, 2);
        tlb_start(&t);
        tlb_finish(&t);
        tlb_check(&t, 0, false);
        tlb_check(&t, 1, false);
    }
}

/* GFX_TLB_INV_CR and its like, each for one engine */
static void test_tlb_register(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        GpuEngineId other_id = (id + 1) % GPU_ENGINES;
        TlbRun t = tlb_new(gpu, id), other = tlb_new(gpu, other_id);
        uint32_t reg = gpu_engines[id].tlb_inv;

        tlb_emit_stores(&t, 1);
        tlb_emit_wait(&t);
        tlb_emit_stores(&t, 2);
        tlb_emit_stores(&other, 1);
        tlb_emit_wait(&other);
        tlb_emit_stores(&other, 2);
        tlb_start(&t);
        tlb_start(&other);
        gpu_write(gpu, reg, gpu_engines[id].tlb_inv_bit);
        GPU_WAIT(gpu, !(gpu_read(gpu, reg) & gpu_engines[id].tlb_inv_bit));
        tlb_finish(&t);
        tlb_finish(&other);
        tlb_check(&t, 0, true);
        tlb_check(&other, 0, false);
    }
}

/* GFX_FLSH_CNTL invalidates GGTT translations of all engines. */
static void test_tlb_ggtt(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        TlbRun t = tlb_new(gpu, id);

        tlb_emit_stores(&t, 1);
        tlb_emit_wait(&t);
        tlb_emit_stores(&t, 2);
        tlb_start(&t);
        gpu_write(gpu, GFX_FLSH_CNTL, 1);
        tlb_finish(&t);
        tlb_check(&t, 1, true);
    }
}

/* A switch to another context drops the PPGTT's translations. */
static void test_tlb_context_switch(Gpu *gpu)
{
    TlbRun t = tlb_new(gpu, RCS0);
    GpuContext *other = gpu_context(gpu, RCS0, 0);

    tlb_emit_stores(&t, 1);
    tlb_emit_wait(&t);
    tlb_emit_stores(&t, 2);
    tlb_start(&t);
    EMIT(&other->ring, MI_NOOP);
    gpu_submit(gpu, other, NULL);
    gpu_event(gpu, RCS0);
    gpu_event(gpu, RCS0);
    gpu_poke(gpu, t.flag.phys, 1);
    gpu_run(gpu, t.s.ctx);
    tlb_check(&t, 0, true);
    tlb_check(&t, 1, false);
}

/* An absent entry is not cached. */
static void test_tlb_absent(Gpu *gpu)
{
    Space s = new_space(gpu, RCS0);
    GpuBuffer flag = gpu_buffer(gpu, 1);
    uint64_t page = gpu_ram(gpu, 1);

    EMIT(&s.ctx->ring, MI_SEMAPHORE_WAIT | MI_GGTT | SAD_EQ_SDD, 1, flag.ggtt,
         0, 0);
    emit_store(&s.ctx->ring, 0x1000, 7);
    EMIT(&s.batch, MI_BATCH_BUFFER_END);
    gpu_submit(gpu, s.ctx, NULL);
    gpu_event(gpu, RCS0);
    gpu_settle(gpu);
    gpu_ppgtt_map(gpu, s.pml4, 0x1000, page | PTE_PRESENT, LEAF_4K);
    gpu_poke(gpu, flag.phys, 1);
    gpu_event(gpu, RCS0);
    g_assert_cmphex(gpu_peek(gpu, page), ==, 7);
}

void gpu_add_memory_tests(void)
{
    gpu_add_test("ppgtt/leaves", test_leaves);
    gpu_add_test("ppgtt/leaf-1g", test_leaf_1g);
    gpu_add_test("ppgtt/64k-entries", test_64k_entries);
    gpu_add_test("ppgtt/page-crossing", test_page_crossing);
    gpu_add_test("ppgtt/two-spaces", test_two_spaces);
    gpu_add_test("ppgtt/null", test_null);
    gpu_add_test("ppgtt/null-pml4", test_null_pml4);
    gpu_add_test("ppgtt/outside-ram", test_outside_ram);
    gpu_add_test("ppgtt/table-outside-ram", test_table_outside_ram);
    gpu_add_test("fault/not-present", test_not_present);
    gpu_add_test("fault/levels", test_fault_levels);
    gpu_add_test("fault/ggtt", test_ggtt_fault);
    gpu_add_test("fault/first", test_first_fault);
    gpu_add_test("tlb/stale", test_tlb_stale);
    gpu_add_test("tlb/command", test_tlb_command);
    gpu_add_test("tlb/plain-flush", test_tlb_plain_flush);
    gpu_add_test("tlb/register", test_tlb_register);
    gpu_add_test("tlb/ggtt", test_tlb_ggtt);
    gpu_add_test("tlb/context-switch", test_tlb_context_switch);
    gpu_add_test("tlb/absent", test_tlb_absent);
}
