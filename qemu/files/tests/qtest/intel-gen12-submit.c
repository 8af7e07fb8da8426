/*
 * QTest of the Intel Gen12 GPU: submission, context switches, interrupts,
 * resets
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "intel-gen12-gpu.h"

#define DONE            0x600d600d
#define PREEMPTED       5

static void emit_store(GpuStream *stream, uint32_t ggtt, uint32_t value)
{
    EMIT(stream, MI_STORE_DATA_IMM | MI_GGTT, ggtt, 0, value);
}

/* Waits until the dword at @ggtt is at least @value. */
static void emit_wait(GpuStream *stream, uint32_t ggtt, uint32_t value)
{
    EMIT(stream, MI_SEMAPHORE_WAIT | MI_GGTT | SAD_GTE_SDD, value, ggtt, 0, 0);
}

/* Each engine executes the ring of a context, and reports it in the CSB. */
static void test_store(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        GpuContext *ctx = gpu_context(gpu, id, 0);
        GpuBuffer data = gpu_buffer(gpu, 1);
        uint64_t event;

        emit_store(&ctx->ring, data.ggtt + 0x10, DONE + id);
        gpu_submit(gpu, ctx, NULL);
        event = gpu_event(gpu, id);
        g_assert_cmphex(event, ==, gpu_event_switch(ctx, NULL, 0));
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_CSB), ==,
                        (uint32_t)event);
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_CSB + 4), ==,
                        event >> 32);
        g_assert_cmphex(gpu_event(gpu, id), ==,
                        gpu_event_complete(ctx, NULL));
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_CSB_PTR) & 0xf, ==, 1);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 0x10), ==, DONE + id);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 0x0c), ==, 0);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 0x14), ==, 0);
        g_assert_cmphex(gpu_image(gpu, ctx, IMAGE_RING_HEAD), ==,
                        ctx->ring.offset);
    }
}

/* The literal value of the first event that a driver sees */
static void test_csb_format(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, VCS2, 0);

    ctx->sw_id = 3;
    ctx->sw_counter = 9;
    emit_store(&ctx->ring, gpu_buffer(gpu, 1).ggtt, 1);
    gpu_submit(gpu, ctx, NULL);
    g_assert_cmphex(gpu_event(gpu, VCS2), ==, 0x03ff800024018089ull);
    g_assert_cmphex(gpu_event(gpu, VCS2), ==, 0x2401800003ff8088ull);
}

/* More events than the buffer has entries */
static void test_csb_wrap(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, BCS0, 0);
    GpuBuffer data = gpu_buffer(gpu, 1);

    for (unsigned i = 1; i <= 15; i++) {
        emit_store(&ctx->ring, data.ggtt, i);
        gpu_run(gpu, ctx);
        g_assert_cmphex(gpu_peek(gpu, data.phys), ==, i);
    }
    g_assert_cmphex(gpu_ring_read(gpu, BCS0, RING_CSB_PTR) & 0xf, ==, 5);
}

/* Ten times the ring's size; some commands lie across its end. */
static void test_ring_wrap(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);
    GpuBuffer data = gpu_buffer(gpu, 1);

    for (unsigned i = 1; i <= 20; i++) {
        for (unsigned k = 0; k < 125; k++) {
            emit_store(&ctx->ring, data.ggtt + 4 * k, i);
        }
        EMIT(&ctx->ring, MI_NOOP, MI_NOOP);
        gpu_run(gpu, ctx);
        g_assert_cmphex(gpu_peek(gpu, data.phys), ==, i);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 4 * 124), ==, i);
    }
    g_assert_cmpuint(gpu_counter(gpu, "commands"), ==, 20 * 127);
}

/* Two contexts in one load run one after the other. */
static void test_two_contexts(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *a = gpu_context(gpu, RCS0, 0), *b = gpu_context(gpu, RCS0, 0);

    emit_wait(&a->ring, data.ggtt, 1);
    emit_store(&a->ring, data.ggtt + 4, 0xa);
    EMIT(&b->ring, MI_COPY_MEM_MEM | BIT(22) | BIT(21), data.ggtt + 8, 0,
         data.ggtt + 4, 0);
    gpu_submit(gpu, a, b);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_switch(a, NULL, 0));
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, RCS0));
    gpu_poke(gpu, data.phys, 1);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(a, b));
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(b, NULL));
    g_assert_cmphex(gpu_peek(gpu, data.phys + 8), ==, 0xa);
}

/* A load of the running context only updates its tail. */
static void test_lite_restore(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);

    EMIT(&ctx->ring, MI_LOAD_REGISTER_IMM(1), 0x2600, 0x11);
    emit_wait(&ctx->ring, data.ggtt, 1);
    gpu_submit(gpu, ctx, NULL);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_switch(ctx, NULL, 0));
    EMIT(&ctx->ring, MI_STORE_REGISTER_MEM | MI_GGTT, 0x2600, data.ggtt + 4,
         0);
    gpu_submit(gpu, ctx, NULL);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==,
                    gpu_event_switch(ctx, ctx, PREEMPTED));
    gpu_poke(gpu, data.phys, 1);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(ctx, NULL));
    g_assert_cmphex(gpu_peek(gpu, data.phys + 4), ==, 0x11);
}

/* A context that waits is preempted, and resumed later. */
static void test_preempt_ring(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *a = gpu_context(gpu, RCS0, 0), *b = gpu_context(gpu, RCS0, 0);

    emit_store(&a->ring, data.ggtt + 4, 1);
    emit_wait(&a->ring, data.ggtt, 1);
    emit_store(&a->ring, data.ggtt + 4, 2);
    emit_store(&b->ring, data.ggtt + 8, DONE);
    gpu_submit(gpu, a, NULL);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_switch(a, NULL, 0));
    GPU_WAIT(gpu, gpu_peek(gpu, data.phys + 4) == 1);
    gpu_submit(gpu, b, NULL);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==,
                    gpu_event_switch(b, a, PREEMPTED));
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(b, NULL));
    g_assert_cmphex(gpu_peek(gpu, data.phys + 8), ==, DONE);
    /* Its head is at the wait, behind the first store of 4 dwords. */
    g_assert_cmphex(gpu_image(gpu, a, IMAGE_RING_HEAD), ==, 16);
    g_assert_cmphex(gpu_peek(gpu, data.phys + 4), ==, 1);
    gpu_poke(gpu, data.phys, 1);
    gpu_run(gpu, a);
    g_assert_cmphex(gpu_peek(gpu, data.phys + 4), ==, 2);
    g_assert_cmpuint(gpu_counter(gpu, "preemptions"), ==, 1);
}

/* A save does not write the tail, which belongs to the driver. */
static void test_tail_not_saved(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *a = gpu_context(gpu, BCS0, 0), *b = gpu_context(gpu, BCS0, 0);

    emit_wait(&a->ring, data.ggtt, 1);
    gpu_submit(gpu, a, NULL);
    gpu_event(gpu, BCS0);
    gpu_poke(gpu, gpu_image_addr(a, IMAGE_RING_TAIL), 0x7f8);
    EMIT(&b->ring, MI_NOOP);
    gpu_submit(gpu, b, NULL);
    g_assert_cmphex(gpu_event(gpu, BCS0), ==,
                    gpu_event_switch(b, a, PREEMPTED));
    g_assert_cmphex(gpu_event(gpu, BCS0), ==, gpu_event_complete(b, NULL));
    g_assert_cmphex(gpu_image(gpu, a, IMAGE_RING_TAIL), ==, 0x7f8);
}

/* Preemption inside a batch of second level in a PPGTT */
static void test_preempt_batch(Gpu *gpu)
{
    uint64_t pml4 = gpu_ram(gpu, 1), va = 0x7f0000200000;
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuStream first = gpu_batch(gpu), second = gpu_batch(gpu);
    GpuContext *a = gpu_context(gpu, VECS0, pml4);
    GpuContext *b = gpu_context(gpu, VECS0, 0);

    gpu_ppgtt_map(gpu, pml4, va, first.buf.phys | PTE_PRESENT, LEAF_4K);
    gpu_ppgtt_map(gpu, pml4, va + 0x1000, second.buf.phys | PTE_PRESENT,
                  LEAF_4K);
    gpu_ppgtt_map(gpu, pml4, va + 0x2000, data.phys | PTE_PRESENT, LEAF_4K);
    EMIT(&first, MI_BATCH_BUFFER_START | BB_PPGTT | BB_SECOND_LEVEL,
         va + 0x1000, va >> 32,
         MI_STORE_DATA_IMM, va + 0x2008, va >> 32, 2, MI_BATCH_BUFFER_END);
    EMIT(&second, MI_STORE_DATA_IMM, va + 0x2010, va >> 32, 1,
         MI_SEMAPHORE_WAIT | SAD_EQ_SDD, 1, va + 0x2000, va >> 32, 0,
         MI_STORE_DATA_IMM, va + 0x2004, va >> 32, 1, MI_BATCH_BUFFER_END);
    EMIT(&a->ring, MI_BATCH_BUFFER_START | BB_PPGTT, va, va >> 32);
    emit_store(&a->ring, data.ggtt + 12, 3);
    emit_store(&b->ring, data.ggtt + 16, 4);

    gpu_submit(gpu, a, NULL);
    g_assert_cmphex(gpu_event(gpu, VECS0), ==, gpu_event_switch(a, NULL, 0));
    GPU_WAIT(gpu, gpu_peek(gpu, data.phys + 16) == 1);
    gpu_submit(gpu, b, NULL);
    gpu_event(gpu, VECS0);
    gpu_event(gpu, VECS0);
    g_assert_cmphex(gpu_peek(gpu, data.phys + 16), ==, 4);
    gpu_poke(gpu, data.phys, 1);
    gpu_run(gpu, a);
    for (unsigned i = 1; i <= 3; i++) {
        g_assert_cmphex(gpu_peek(gpu, data.phys + 4 * i), ==, i);
    }
    /* The batch continued; it did not start again. */
    g_assert_cmphex(gpu_peek(gpu, data.phys + 16), ==, 4);
}

/* While arbitration is off, there is no preemption. */
static void test_arb_off(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *a = gpu_context(gpu, RCS0, 0), *b = gpu_context(gpu, RCS0, 0);

    EMIT(&a->ring, MI_ARB_OFF);
    emit_store(&a->ring, data.ggtt + 4, 1);
    emit_wait(&a->ring, data.ggtt, 1);
    EMIT(&a->ring, MI_ARB_ON, MI_ARB_CHECK);
    emit_wait(&a->ring, data.ggtt, 2);
    emit_store(&b->ring, data.ggtt + 8, DONE);
    gpu_submit(gpu, a, NULL);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_switch(a, NULL, 0));
    GPU_WAIT(gpu, gpu_peek(gpu, data.phys + 4) == 1);
    gpu_submit(gpu, b, NULL);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, RCS0));
    gpu_poke(gpu, data.phys, 1);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==,
                    gpu_event_switch(b, a, PREEMPTED));
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(b, NULL));
}

/* General purpose registers belong to a context. */
static void test_context_registers(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx[2];

    for (unsigned i = 0; i < 2; i++) {
        ctx[i] = gpu_context(gpu, VCS0, 0);
        EMIT(&ctx[i]->ring, MI_LOAD_REGISTER_IMM(2) | MI_CS_MMIO,
             RING_GPR(0), 0x100 + i, RING_GPR(15) + 4, 0x200 + i);
        gpu_run(gpu, ctx[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        EMIT(&ctx[i]->ring,
             MI_STORE_REGISTER_MEM | MI_GGTT | MI_CS_MMIO, RING_GPR(0),
             data.ggtt + 8 * i, 0,
             MI_STORE_REGISTER_MEM | MI_GGTT | MI_CS_MMIO, RING_GPR(15) + 4,
             data.ggtt + 8 * i + 4, 0);
        gpu_run(gpu, ctx[i]);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 8 * i), ==, 0x100 + i);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 8 * i + 4), ==, 0x200 + i);
    }
}

/* The layout of the hardware, as i915's live_lrc_layout checks it */
static void test_image_layout(Gpu *gpu)
{
    static const struct { unsigned dword; uint32_t value; } known[] = {
        { 0x01, MI_LOAD_REGISTER_IMM(13) | MI_CS_MMIO | BIT(12) },
        { 0x21, MI_LOAD_REGISTER_IMM(9) | MI_CS_MMIO | BIT(12) },
        { 0x34, MI_LOAD_REGISTER_IMM(3) | MI_CS_MMIO | BIT(12) },
        { 0x41, MI_LOAD_REGISTER_IMM(1) | MI_CS_MMIO },
        { 0x51, MI_LOAD_REGISTER_IMM(51) | MI_CS_MMIO | BIT(12) },
    };
    static const struct { unsigned dword; uint32_t reg; } registers[] = {
        { 0x02, 0x244 }, { 0x04, 0x034 }, { 0x06, 0x030 }, { 0x08, 0x038 },
        { 0x0a, 0x03c }, { 0x22, 0x3a8 }, { 0x32, 0x270 }, { 0x42, 0x0c8 },
        { 0x60, 0x09c }, { 0x74, 0x600 }, { 0xb4, 0x068 }, { 0xb6, 0x084 },
    };
    GpuContext *ctx = gpu_context(gpu, RCS0, 0x12345000);

    EMIT(&ctx->ring, MI_NOOP);
    gpu_run(gpu, ctx);
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        g_assert_cmphex(gpu_image(gpu, ctx, known[i].dword), ==,
                        known[i].value);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        g_assert_cmphex(gpu_image(gpu, ctx, registers[i].dword) & 0xffc, ==,
                        (0x2000 + registers[i].reg) & 0xffc);
    }
    g_assert_cmphex(gpu_image(gpu, ctx, IMAGE_PDP0_LDW), ==, 0x12345000);
    /* The image is complete now, and its restore is not inhibited. */
    g_assert_cmphex(gpu_image(gpu, ctx, IMAGE_CTX_CONTROL) & 1, ==, 0);
}

/* INDIRECT_CTX and the per-context batch run at every restore. */
static void test_workaround_batches(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuStream indirect = gpu_batch(gpu), per_ctx = gpu_batch(gpu);
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);

    emit_store(&indirect, data.ggtt, 1);
    for (unsigned i = 4; i < 16; i++) {
        EMIT(&indirect, MI_NOOP);
    }
    emit_store(&indirect, data.ggtt, 2);    /* beyond one cache line */
    emit_store(&per_ctx, data.ggtt + 4, 3);
    EMIT(&per_ctx, MI_BATCH_BUFFER_END);
    gpu_poke(gpu, gpu_image_addr(ctx, IMAGE_INDIRECT_CTX),
             indirect.buf.ggtt | 1);
    gpu_poke(gpu, gpu_image_addr(ctx, IMAGE_BB_PER_CTX_PTR),
             per_ctx.buf.ggtt | 1);
    EMIT(&ctx->ring, MI_COPY_MEM_MEM | BIT(22) | BIT(21), data.ggtt + 8, 0,
         data.ggtt, 0);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, data.phys), ==, 1);
    g_assert_cmphex(gpu_peek(gpu, data.phys + 4), ==, 3);
    g_assert_cmphex(gpu_peek(gpu, data.phys + 8), ==, 1);
}

/*
 * Handles an interrupt of the engine as a driver does; returns the identity.
 */
static uint32_t take_interrupt(Gpu *gpu, const GpuEngine *engine)
{
    uint32_t identity;

    g_assert_cmphex(gpu_read(gpu, gpu->platform->irq_master) &
                    ~MSTR_ENABLE, !=, 0);
    g_assert_cmphex(gpu_read(gpu, GFX_MSTR_INTR) & BIT(engine->bank), !=, 0);
    g_assert_cmphex(gpu_read(gpu, GT_INTR_DW(engine->bank)), ==,
                    BIT(engine->bit));
    gpu_write(gpu, IIR_SELECTOR(engine->bank), BIT(engine->bit));
    identity = gpu_read(gpu, INTR_IDENTITY(engine->bank));
    gpu_write(gpu, INTR_IDENTITY(engine->bank), identity);
    g_assert_cmphex(gpu_read(gpu, INTR_IDENTITY(engine->bank)), ==, 0);
    gpu_write(gpu, GT_INTR_DW(engine->bank), BIT(engine->bit));
    g_assert_cmphex(gpu_read(gpu, GT_INTR_DW(engine->bank)), ==, 0);
    return identity;
}

static void test_interrupts(Gpu *gpu)
{
    uint64_t msi = gpu_enable_msi(gpu);

    gpu_irq_enable(gpu, INTR_USER | INTR_CONTEXT_SWITCH);
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        const GpuEngine *engine = &gpu_engines[id];
        GpuContext *ctx = gpu_context(gpu, id, 0);
        uint32_t identity;

        gpu_write(gpu, gpu->platform->irq_master, MSTR_ENABLE);
        gpu_poke(gpu, msi, 0);
        EMIT(&ctx->ring, MI_USER_INTERRUPT);
        gpu_run(gpu, ctx);
        GPU_WAIT(gpu, gpu_peek(gpu, msi) == GPU_MSI_DATA);
        gpu_write(gpu, gpu->platform->irq_master, 0);
        identity = take_interrupt(gpu, engine);
        g_assert_cmphex(identity, ==, IDENTITY_VALID |
                        engine->instance << 20 | engine->class << 16 |
                        INTR_USER | INTR_CONTEXT_SWITCH);
    }
}

/*
 * Events that are masked or not enabled raise no interrupt.  While the master
 * is off, interrupts wait.
 */
static void test_interrupt_masks(Gpu *gpu)
{
    uint64_t msi = gpu_enable_msi(gpu);
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);

    gpu_write(gpu, gpu->platform->irq_master, MSTR_ENABLE);
    gpu_irq_enable(gpu, INTR_USER);
    gpu_write(gpu, 0x190090, UINT32_MAX);       /* RCS0_RSVD_INTR_MASK */
    EMIT(&ctx->ring, MI_USER_INTERRUPT);
    gpu_run(gpu, ctx);
    gpu_settle(gpu);
    g_assert_cmphex(gpu_read(gpu, gpu->platform->irq_master), ==,
                    MSTR_ENABLE);
    g_assert_cmphex(gpu_peek(gpu, msi), ==, 0);

    gpu_irq_enable(gpu, INTR_USER);
    gpu_write(gpu, gpu->platform->irq_master, 0);
    EMIT(&ctx->ring, MI_USER_INTERRUPT);
    gpu_run(gpu, ctx);
    gpu_settle(gpu);
    g_assert_cmphex(gpu_peek(gpu, msi), ==, 0);
    gpu_write(gpu, gpu->platform->irq_master, MSTR_ENABLE);
    GPU_WAIT(gpu, gpu_peek(gpu, msi) == GPU_MSI_DATA);
    g_assert_cmphex(take_interrupt(gpu, &gpu_engines[RCS0]) & 0xffff, ==,
                    INTR_USER);
}

/* An event between selector and acknowledgement is not lost. */
static void test_interrupt_again(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, BCS0, 0);

    gpu_irq_enable(gpu, INTR_USER);
    EMIT(&ctx->ring, MI_USER_INTERRUPT);
    gpu_run(gpu, ctx);
    gpu_write(gpu, IIR_SELECTOR(0), BIT(15));
    EMIT(&ctx->ring, MI_USER_INTERRUPT);
    gpu_run(gpu, ctx);
    gpu_write(gpu, INTR_IDENTITY(0), IDENTITY_VALID);
    gpu_write(gpu, GT_INTR_DW(0), BIT(15));
    g_assert_cmphex(gpu_read(gpu, GT_INTR_DW(0)), ==, BIT(15));
    g_assert_cmphex(take_interrupt(gpu, &gpu_engines[BCS0]) & 0xffff, ==,
                    INTR_USER);
}

/* A wait that does not pass at once raises one interrupt. */
static void test_semaphore_interrupt(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);

    gpu_irq_enable(gpu, INTR_SEMAPHORE);
    emit_wait(&ctx->ring, data.ggtt, 0);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_read(gpu, GT_INTR_DW(0)), ==, 0);
    emit_wait(&ctx->ring, data.ggtt, 1);
    gpu_submit(gpu, ctx, NULL);
    GPU_WAIT(gpu, gpu_read(gpu, GT_INTR_DW(0)) == BIT(0));
    g_assert_cmphex(take_interrupt(gpu, &gpu_engines[RCS0]) & 0xffff, ==,
                    INTR_SEMAPHORE);
    gpu_settle(gpu);
    g_assert_cmphex(gpu_read(gpu, GT_INTR_DW(0)), ==, 0);
    gpu_poke(gpu, data.phys, 1);
    gpu_event(gpu, RCS0);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(ctx, NULL));
}

/* Resets one engine as the driver does, and lets it run again. */
static void reset_engine(Gpu *gpu, GpuEngineId id)
{
    gpu_ring_write(gpu, id, RING_RESET_CTL,
                   RESET_REQUEST << 16 | RESET_REQUEST);
    g_assert_cmphex(gpu_ring_read(gpu, id, RING_RESET_CTL) & RESET_READY, ==,
                    RESET_READY);
    gpu_write(gpu, GDRST, gpu_engines[id].gdrst);
    g_assert_cmphex(gpu_read(gpu, GDRST), ==, 0);
    gpu_ring_write(gpu, id, RING_RESET_CTL, RESET_REQUEST << 16);
    g_assert_cmphex(gpu_ring_read(gpu, id, RING_RESET_CTL) &
                    (RESET_READY | RESET_REQUEST), ==, 0);
}

/* The reset cleared the registers; sets up status page and CSB again. */
static void setup_again(Gpu *gpu, GpuContext *ctx, uint32_t hwsp)
{
    gpu_ring_write(gpu, ctx->id, RING_HWS_PGA, hwsp);
    gpu_engine_setup(gpu, ctx->id);
}

/* A batch that never ends is stopped by a reset; another engine goes on. */
static void test_engine_reset(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        GpuEngineId other_id = (id + 1) % GPU_ENGINES;
        GpuContext *spin = gpu_context(gpu, id, 0);
        GpuContext *other = gpu_context(gpu, other_id, 0);
        GpuContext *next = gpu_context(gpu, id, 0);
        GpuBuffer data = gpu_buffer(gpu, 1);
        GpuStream batch = gpu_batch(gpu);
        uint32_t hwsp = gpu_ring_read(gpu, id, RING_HWS_PGA);

        emit_store(&batch, data.ggtt, 1);
        EMIT(&batch, MI_BATCH_BUFFER_START, batch.buf.ggtt, 0);
        EMIT(&spin->ring, MI_BATCH_BUFFER_START, batch.buf.ggtt, 0);
        emit_wait(&other->ring, data.ggtt + 4, 1);
        emit_store(&next->ring, data.ggtt + 8, DONE);

        gpu_submit(gpu, other, NULL);
        gpu_event(gpu, other_id);
        gpu_submit(gpu, spin, NULL);
        gpu_event(gpu, id);
        GPU_WAIT(gpu, gpu_peek(gpu, data.phys) == 1);
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_EXECLIST_STATUS) & 1, ==,
                        1);
        reset_engine(gpu, id);
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_EXECLIST_STATUS) & 1, ==,
                        0);
        gpu_poke(gpu, data.phys, 0);
        gpu_settle(gpu);
        g_assert_cmphex(gpu_peek(gpu, data.phys), ==, 0);
        g_assert_false(gpu_event_pending(gpu, id));

        setup_again(gpu, next, hwsp);
        gpu_run(gpu, next);
        g_assert_cmphex(gpu_peek(gpu, data.phys + 8), ==, DONE);
        gpu_poke(gpu, data.phys + 4, 1);
        g_assert_cmphex(gpu_event(gpu, other_id), ==,
                        gpu_event_complete(other, NULL));
    }
    gpu_expect(gpu, "engine-resets", GPU_ENGINES);
}

static void test_full_reset(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx[GPU_ENGINES];

    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        ctx[id] = gpu_context(gpu, id, 0);
        emit_wait(&ctx[id]->ring, data.ggtt, 1);
        gpu_submit(gpu, ctx[id], NULL);
        gpu_event(gpu, id);
    }
    gpu_write(gpu, GDRST, GDRST_FULL);
    g_assert_cmphex(gpu_read(gpu, GDRST), ==, 0);
    gpu_poke(gpu, data.phys, 1);
    gpu_settle(gpu);
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        g_assert_false(gpu_event_pending(gpu, id));
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_EXECLIST_STATUS), ==, 0);
        g_assert_cmphex(gpu_ring_read(gpu, id, RING_MI_MODE) & MODE_IDLE, !=,
                        0);
    }
    gpu_expect(gpu, "resets", 1);
    gpu_expect(gpu, "engine-resets", GPU_ENGINES);
}

/* MI_MODE stops an engine between two commands, and lets it go on. */
static void test_stop_ring(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, BCS0, 0);

    emit_wait(&ctx->ring, data.ggtt, 1);
    gpu_submit(gpu, ctx, NULL);
    gpu_event(gpu, BCS0);
    g_assert_cmphex(gpu_ring_read(gpu, BCS0, RING_MI_MODE) & MODE_IDLE, ==,
                    0);
    gpu_ring_write(gpu, BCS0, RING_MI_MODE, STOP_RING << 16 | STOP_RING);
    g_assert_cmphex(gpu_ring_read(gpu, BCS0, RING_MI_MODE) & MODE_IDLE, ==,
                    MODE_IDLE);
    gpu_poke(gpu, data.phys, 1);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, BCS0));
    gpu_ring_write(gpu, BCS0, RING_MI_MODE, STOP_RING << 16);
    g_assert_cmphex(gpu_event(gpu, BCS0), ==, gpu_event_complete(ctx, NULL));
}

/* While the machine is stopped, so are its engines. */
static void test_vm_stop(Gpu *gpu)
{
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);

    emit_wait(&ctx->ring, data.ggtt, 1);
    gpu_submit(gpu, ctx, NULL);
    gpu_event(gpu, RCS0);
    qtest_qmp_assert_success(gpu->qts, "{'execute': 'stop'}");
    gpu_poke(gpu, data.phys, 1);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, RCS0));
    qtest_qmp_assert_success(gpu->qts, "{'execute': 'cont'}");
    g_assert_cmphex(gpu_event(gpu, RCS0), ==, gpu_event_complete(ctx, NULL));
}

/* 19.2 MHz; virtual time stands still between two steps of the clock. */
static void test_timestamp(void)
{
    Gpu *gpu = gpu_start(true, "");
    uint32_t before = gpu_ring_read(gpu, RCS0, RING_TIMESTAMP);

    g_assert_cmphex(gpu_ring_read(gpu, RCS0, RING_TIMESTAMP), ==, before);
    qtest_clock_step(gpu->qts, 1000 * 1000);
    g_assert_cmpuint(gpu_ring_read(gpu, RCS0, RING_TIMESTAMP) - before, ==,
                     19200);
    gpu_stop(gpu);
}

/* A deterministic engine does nothing unless virtual time passes. */
static void test_deterministic(void)
{
    Gpu *gpu = gpu_start(true, "");
    GpuContext *ctx = gpu_context(gpu, RCS0, 0);

    EMIT(&ctx->ring, MI_NOOP);
    gpu_submit(gpu, ctx, NULL);
    g_usleep(20 * 1000);
    g_assert_false(gpu_event_pending(gpu, RCS0));
    qtest_clock_step(gpu->qts, 100 * 1000);
    g_assert_true(gpu_event_pending(gpu, RCS0));
    gpu_stop(gpu);
}

/* Spinning batches on four engines stall neither the fifth nor MMIO. */
static void test_spinners(void)
{
    Gpu *gpu = gpu_start(false, "");
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuStream batch = gpu_batch(gpu);
    GpuContext *ctx;
    int64_t start;

    EMIT(&batch, MI_CONDITIONAL_BB_END | MI_GGTT | SEMAPHORE_OP(4), 0,
         data.ggtt, 0, MI_BATCH_BUFFER_START, batch.buf.ggtt, 0);
    for (GpuEngineId id = 1; id < GPU_ENGINES; id++) {
        ctx = gpu_context(gpu, id, 0);
        EMIT(&ctx->ring, MI_BATCH_BUFFER_START, batch.buf.ggtt, 0);
        gpu_submit(gpu, ctx, NULL);
        gpu_event(gpu, id);
    }
    ctx = gpu_context(gpu, RCS0, 0);
    emit_store(&ctx->ring, data.ggtt + 4, DONE);
    gpu_run(gpu, ctx);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < 100; i++) {
        gpu_ring_read(gpu, BCS0, RING_ACTHD);
        gpu_ring_write(gpu, BCS0, RING_MI_MODE, 0);
    }
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
    gpu_poke(gpu, data.phys, 1);
    for (GpuEngineId id = 1; id < GPU_ENGINES; id++) {
        gpu_event(gpu, id);
    }
    gpu_stop(gpu);
}

void gpu_add_submission_tests(void)
{
    gpu_add_test("submit/store", test_store);
    gpu_add_test("submit/csb-format", test_csb_format);
    gpu_add_test("submit/csb-wrap", test_csb_wrap);
    gpu_add_test("submit/ring-wrap", test_ring_wrap);
    gpu_add_test("submit/two-contexts", test_two_contexts);
    gpu_add_test("submit/lite-restore", test_lite_restore);
    gpu_add_test("submit/preempt-ring", test_preempt_ring);
    gpu_add_test("submit/tail-not-saved", test_tail_not_saved);
    gpu_add_test("submit/preempt-batch", test_preempt_batch);
    gpu_add_test("submit/arb-off", test_arb_off);
    gpu_add_test("submit/context-registers", test_context_registers);
    gpu_add_test("submit/image-layout", test_image_layout);
    gpu_add_test("submit/workaround-batches", test_workaround_batches);
    gpu_add_test("submit/vm-stop", test_vm_stop);
    gpu_add_test("irq/identity", test_interrupts);
    gpu_add_test("irq/masks", test_interrupt_masks);
    gpu_add_test("irq/again", test_interrupt_again);
    gpu_add_test("irq/semaphore", test_semaphore_interrupt);
    gpu_add_test("reset/engine", test_engine_reset);
    gpu_add_test("reset/full", test_full_reset);
    gpu_add_test("reset/stop-ring", test_stop_ring);
    qtest_add_func("intel-gen12/submit/timestamp", test_timestamp);
    qtest_add_func("intel-gen12/submit/deterministic", test_deterministic);
    qtest_add_func("intel-gen12/submit/spinners", test_spinners);
}
