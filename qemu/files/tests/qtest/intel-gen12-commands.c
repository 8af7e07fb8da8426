/*
 * QTest of the Intel Gen12 GPU: commands
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "intel-gen12-gpu.h"

#define BATCH_VA        0x10000000u
#define DATA_VA         0x20000000u

/*
 * A context of an engine, a batch at BATCH_VA, which is not privileged, and
 * memory for results.  The ring has this memory at @data.ggtt, the batch at
 * DATA_VA.
 */
typedef struct Bench {
    Gpu *gpu;
    GpuContext *ctx;
    GpuStream *ring;
    GpuStream batch;
    GpuBuffer data;
} Bench;

static Bench new_bench(Gpu *gpu, GpuEngineId id)
{
    uint64_t pml4 = gpu_ram(gpu, 1);
    Bench b = {
        .gpu = gpu, .ctx = gpu_context(gpu, id, pml4),
        .batch = gpu_batch(gpu), .data = gpu_buffer(gpu, 1),
    };

    b.ring = &b.ctx->ring;
    gpu_ppgtt_map(gpu, pml4, BATCH_VA, b.batch.buf.phys | PTE_PRESENT,
                  LEAF_4K);
    gpu_ppgtt_map(gpu, pml4, DATA_VA, b.data.phys | PTE_PRESENT, LEAF_4K);
    return b;
}

/* Runs the commands in the ring, then the batch. */
static void run_batch(Bench *b)
{
    EMIT(&b->batch, MI_BATCH_BUFFER_END);
    EMIT(b->ring, MI_BATCH_BUFFER_START | BB_PPGTT, BATCH_VA, 0);
    gpu_run(b->gpu, b->ctx);
    b->batch.offset = 0;
}

static uint32_t result(Bench *b, unsigned offset)
{
    return gpu_peek(b->gpu, b->data.phys + offset);
}

static void emit_srm(GpuStream *stream, uint32_t reg, unsigned offset)
{
    EMIT(stream, MI_STORE_REGISTER_MEM | MI_CS_MMIO, reg, DATA_VA + offset,
         0);
}

static void emit_lri(GpuStream *stream, uint32_t reg, uint32_t value)
{
    EMIT(stream, MI_LOAD_REGISTER_IMM(1) | MI_CS_MMIO, reg, value);
}

static void test_store_data(Gpu *gpu)
{
    Bench b = new_bench(gpu, BCS0);

    EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA, 0, 0x11,
         MI_STORE_QWORD_IMM, DATA_VA + 8, 0, 0x22, 0x33,
         MI(0x20) | BIT(21) | 7, DATA_VA + 16, 0, 1, 2, 3, 4, 5, 6);
    EMIT(b.ring, MI_STORE_DATA_INDEX, 0x400, 0x44);
    EMIT(b.ring, MI_STORE_DATA_INDEX | BIT(21), 0x404, 0x55);
    run_batch(&b);
    g_assert_cmphex(result(&b, 0), ==, 0x11);
    g_assert_cmphex(result(&b, 4), ==, 0);
    g_assert_cmphex(result(&b, 8), ==, 0x22);
    g_assert_cmphex(result(&b, 12), ==, 0x33);
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(result(&b, 16 + 4 * i), ==, i + 1);
    }
    g_assert_cmphex(gpu_peek(gpu, gpu->hwsp[BCS0] + 0x400), ==, 0x44);
    g_assert_cmphex(gpu_peek(gpu, b.ctx->image.phys + 0x404), ==, 0x55);
}

/* Immediate to register to register to memory; memory to register */
static void test_registers(Gpu *gpu)
{
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        Bench b = new_bench(gpu, id);

        gpu_poke(gpu, b.data.phys + 0x80, 0x9abc);
        EMIT(&b.batch, MI_LOAD_REGISTER_IMM(2) | MI_CS_MMIO, RING_GPR(1),
             0x1234, RING_GPR(1) + 4, 0x5678,
             MI_LOAD_REGISTER_REG | MI_CS_MMIO | BIT(18), RING_GPR(1) + 4,
             RING_GPR(2),
             MI_LOAD_REGISTER_MEM | MI_CS_MMIO, RING_GPR(3), DATA_VA + 0x80,
             0);
        for (unsigned i = 1; i <= 3; i++) {
            emit_srm(&b.batch, RING_GPR(i), 4 * i);
        }
        run_batch(&b);
        g_assert_cmphex(result(&b, 4), ==, 0x1234);
        g_assert_cmphex(result(&b, 8), ==, 0x5678);
        g_assert_cmphex(result(&b, 12), ==, 0x9abc);
    }
}

/* Without MI_CS_MMIO an offset counts from the start of all registers. */
static void test_register_absolute(Gpu *gpu)
{
    Bench b = new_bench(gpu, VECS0);
    uint32_t gpr = gpu_engines[VECS0].base + RING_GPR(5);

    EMIT(&b.batch, MI_LOAD_REGISTER_IMM(1), gpr, 0x77,
         MI_STORE_REGISTER_MEM, gpr, DATA_VA, 0);
    run_batch(&b);
    g_assert_cmphex(result(&b, 0), ==, 0x77);
}

static void test_copy(Gpu *gpu)
{
    Bench b = new_bench(gpu, VCS0);

    gpu_poke(gpu, b.data.phys, 0xfeedface);
    EMIT(&b.batch, MI_COPY_MEM_MEM, DATA_VA + 4, 0, DATA_VA, 0);
    run_batch(&b);
    g_assert_cmphex(result(&b, 4), ==, 0xfeedface);
}

/* Operations of MI_SEMAPHORE_WAIT: compare 4, 5 and 6 in memory with 5. */
static void test_semaphore_ops(Gpu *gpu)
{
    static const bool passes[6][3] = {
        { false, false, true }, { false, true, true },  /* >, >= */
        { true, false, false }, { true, true, false },  /* <, <= */
        { false, true, false }, { true, false, true },  /* ==, != */
    };
    Bench b = new_bench(gpu, RCS0);

    for (unsigned op = 0; op < 6; op++) {
        for (unsigned i = 0; i < 3; i++) {
            gpu_poke(gpu, b.data.phys, 4 + i);
            EMIT(b.ring, MI_SEMAPHORE_WAIT | SEMAPHORE_OP(op), 5, DATA_VA, 0,
                 0);
            gpu_submit(gpu, b.ctx, NULL);
            gpu_event(gpu, RCS0);
            if (!passes[op][i]) {
                gpu_settle(gpu);
                g_assert_false(gpu_event_pending(gpu, RCS0));
                for (unsigned k = 0; k < 3; k++) {
                    if (passes[op][k]) {
                        gpu_poke(gpu, b.data.phys, 4 + k);
                        break;
                    }
                }
            }
            g_assert_cmphex(gpu_event(gpu, RCS0), ==,
                            gpu_event_complete(b.ctx, NULL));
        }
    }
}

/* Two engines with different address spaces signal each other by stores. */
static void test_semaphore_engines(Gpu *gpu)
{
    Bench a = new_bench(gpu, RCS0), b = new_bench(gpu, BCS0);

    EMIT(a.ring, MI_SEMAPHORE_WAIT | SAD_EQ_SDD, 1, DATA_VA, 0, 0,
         MI_STORE_DATA_IMM | MI_GGTT, b.data.ggtt + 4, 0, 2);
    EMIT(b.ring, MI_STORE_DATA_IMM | MI_GGTT, a.data.ggtt, 0, 1,
         MI_SEMAPHORE_WAIT | SAD_EQ_SDD, 2, DATA_VA + 4, 0, 0,
         MI_STORE_DATA_IMM, DATA_VA + 8, 0, 3);
    gpu_submit(gpu, a.ctx, NULL);
    gpu_event(gpu, RCS0);
    gpu_run(gpu, b.ctx);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==,
                    gpu_event_complete(a.ctx, NULL));
    g_assert_cmphex(result(&b, 8), ==, 3);
}

/* Register poll: the engine waits for a GPR, which the CPU writes. */
static void test_semaphore_register(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);
    uint32_t gpr = gpu_engines[RCS0].base + RING_GPR(7);

    EMIT(b.ring, MI_SEMAPHORE_WAIT | SEMAPHORE_REGISTER | SAD_EQ_SDD, 0x31,
         gpr, 0, 0);
    gpu_submit(gpu, b.ctx, NULL);
    gpu_event(gpu, RCS0);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, RCS0));
    gpu_write(gpu, gpr, 0x31);
    g_assert_cmphex(gpu_event(gpu, RCS0), ==,
                    gpu_event_complete(b.ctx, NULL));
}

/* Chained and second level batches return to the right command. */
static void test_batches(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    EMIT(&b.batch,
         MI_BATCH_BUFFER_START | BB_PPGTT | BB_SECOND_LEVEL, BATCH_VA + 0x100,
         0,
         MI_STORE_DATA_IMM, DATA_VA + 4, 0, 2,
         MI_BATCH_BUFFER_START | BB_PPGTT, BATCH_VA + 0x200, 0,
         MI_STORE_DATA_IMM, DATA_VA, 0, 0xbad);
    b.batch.offset = 0x100;
    EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA, 0, 1, MI_BATCH_BUFFER_END,
         MI_STORE_DATA_IMM, DATA_VA, 0, 0xbad);
    b.batch.offset = 0x200;
    EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA + 8, 0, 3, MI_BATCH_BUFFER_END);
    EMIT(b.ring, MI_BATCH_BUFFER_START | BB_PPGTT, BATCH_VA, 0,
         MI_STORE_DATA_IMM, DATA_VA + 12, 0, 4);
    gpu_run(gpu, b.ctx);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(result(&b, 4 * i), ==, i + 1);
    }
    g_assert_cmpuint(gpu_counter(gpu, "batches"), ==, 3);
}

/* A batch goes on while the comparison holds. */
static void test_conditional_end(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    gpu_poke(gpu, b.data.phys, 6);
    EMIT(&b.batch,
         MI_CONDITIONAL_BB_END, 5, DATA_VA, 0,      /* 6 > 5 */
         MI_STORE_DATA_IMM, DATA_VA + 4, 0, 1,
         MI_CONDITIONAL_BB_END, 6, DATA_VA, 0,      /* not 6 > 6 */
         MI_STORE_DATA_IMM, DATA_VA + 8, 0, 2);
    run_batch(&b);
    g_assert_cmphex(result(&b, 4), ==, 1);
    g_assert_cmphex(result(&b, 8), ==, 0);
}

/* MI_BATCH_BUFFER_START under MI_PREDICATE_RESULT_1 */
static void test_predicated_start(Gpu *gpu)
{
    for (unsigned predicate = 0; predicate < 2; predicate++) {
        Bench b = new_bench(gpu, RCS0);

        EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA, 0, 1, MI_BATCH_BUFFER_END);
        emit_lri(b.ring, RING_PREDICATE_RESULT_1, predicate);
        EMIT(b.ring, MI_BATCH_BUFFER_START | BB_PPGTT | BB_PREDICATE,
             BATCH_VA, 0);
        gpu_run(gpu, b.ctx);
        g_assert_cmphex(result(&b, 0), ==, predicate);
    }
}

/* MI_SET_PREDICATE makes a store a NOOP, or not, by one of two registers. */
static void test_set_predicate(Gpu *gpu)
{
    static const struct { unsigned enable; bool noop[2][2]; } rows[] = {
        /* noop[MI_PREDICATE_RESULT][MI_PREDICATE_RESULT_2] */
        { 0x0, { { false, false }, { false, false } } },    /* never */
        { 0x1, { { true, false }, { true, false } } },      /* 2 is clear */
        { 0x2, { { false, true }, { false, true } } },      /* 2 is set */
        { 0x3, { { true, true }, { false, false } } },      /* clear */
        { 0x4, { { false, false }, { true, true } } },      /* set */
        { 0xf, { { true, true }, { true, true } } },        /* always */
    };
    Bench b = new_bench(gpu, RCS0);

    for (unsigned i = 0; i < 4 * ARRAY_SIZE(rows); i++) {
        bool one = i & 1, two = i & 2;

        gpu_pokeq(gpu, b.data.phys, 0);
        emit_lri(&b.batch, RING_PREDICATE_RESULT, one);
        emit_lri(&b.batch, RING_PREDICATE_RESULT_2, two);
        EMIT(&b.batch, MI_SET_PREDICATE | rows[i / 4].enable,
             MI_STORE_DATA_IMM, DATA_VA, 0, 1,
             MI_SET_PREDICATE, MI_STORE_DATA_IMM, DATA_VA + 4, 0, 2);
        run_batch(&b);
        g_assert_cmphex(result(&b, 0), ==, !rows[i / 4].noop[one][two]);
        g_assert_cmphex(result(&b, 4), ==, 2);
    }
}

/* MI_PREDICATE: load, combine and compare operations (Volume 2a) */
static void test_predicate(Gpu *gpu)
{
    enum { KEEP = 0, LOAD = 2, LOADINV = 3 };
    enum { SET, AND, OR, XOR };
    enum { TRUE_, FALSE_, SRCS_EQUAL, DELTAS_EQUAL };
    static const struct {
        unsigned load, combine, compare;
        uint64_t src0, src1, data;
        bool old, result;
    } rows[] = {
        { KEEP, SET, TRUE_, 0, 0, 0, false, false },
        { KEEP, SET, FALSE_, 0, 0, 0, true, true },
        { LOAD, SET, TRUE_, 0, 1, 0, false, true },
        { LOAD, SET, FALSE_, 0, 0, 0, true, false },
        { LOADINV, SET, TRUE_, 0, 0, 0, true, false },
        { LOADINV, SET, FALSE_, 0, 0, 0, false, true },
        { LOAD, SET, SRCS_EQUAL, 7, 7, 1, false, true },
        { LOAD, SET, SRCS_EQUAL, 1ull << 32, 2ull << 32, 0, true, false },
        { LOAD, SET, DELTAS_EQUAL, 9, 7, 2, false, true },
        { LOAD, SET, DELTAS_EQUAL, 7, 7, 1ull << 32, true, false },
        { LOAD, AND, TRUE_, 0, 0, 0, false, false },
        { LOAD, AND, TRUE_, 0, 0, 0, true, true },
        { LOAD, OR, FALSE_, 0, 0, 0, true, true },
        { LOAD, OR, FALSE_, 0, 0, 0, false, false },
        { LOAD, XOR, TRUE_, 0, 0, 0, true, false },
        { LOAD, XOR, TRUE_, 0, 0, 0, false, true },
        { LOADINV, AND, FALSE_, 0, 0, 0, true, true },
    };
    Bench b = new_bench(gpu, RCS0);

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const uint64_t values[] = { rows[i].src0, rows[i].src1, rows[i].data };

        for (unsigned k = 0; k < ARRAY_SIZE(values); k++) {
            emit_lri(&b.batch, RING_PREDICATE_SRC0 + 8 * k, values[k]);
            emit_lri(&b.batch, RING_PREDICATE_SRC0 + 8 * k + 4,
                     values[k] >> 32);
        }
        emit_lri(&b.batch, RING_PREDICATE_RESULT, rows[i].old);
        EMIT(&b.batch, MI_PREDICATE | rows[i].load << 6 |
             rows[i].combine << 3 | rows[i].compare);
        emit_srm(&b.batch, RING_PREDICATE_RESULT, 0);
        run_batch(&b);
        if (result(&b, 0) != rows[i].result) {
            g_test_message("row %u", i);
        }
        g_assert_cmphex(result(&b, 0), ==, rows[i].result);
    }
}

/* ALU instructions: opcode, operands (Volume 2a, "MI_MATH") */
#define ALU(op, a, b)   ((op) << 20 | (a) << 10 | (b))
#define LOAD            0x080
#define LOADINV         0x480
#define LOAD0           0x081
#define STORE           0x180
#define STOREINV        0x580
#define ADD             0x100
#define SUB             0x101
#define AND             0x102
#define OR              0x103
#define XOR             0x104
#define SRCA            0x20
#define SRCB            0x21
#define ACCU            0x31
#define ZF              0x32
#define CF              0x33

typedef struct MathRow {
    unsigned op;
    uint64_t a, b, result;
    bool zf, cf;
} MathRow;

static uint64_t result64(Bench *b, unsigned offset)
{
    return result(b, offset) | (uint64_t)result(b, offset + 4) << 32;
}

static void check_math(Gpu *gpu, const MathRow *row)
{
    Bench b = new_bench(gpu, RCS0);

    for (unsigned i = 0; i < 2; i++) {
        uint64_t operand = i ? row->b : row->a;

        emit_lri(&b.batch, RING_GPR(i), operand);
        emit_lri(&b.batch, RING_GPR(i) + 4, operand >> 32);
    }
    EMIT(&b.batch, MI_MATH(6), ALU(LOAD, SRCA, 0), ALU(LOAD, SRCB, 1),
         ALU(row->op, 0, 0), ALU(STORE, 2, ACCU), ALU(STORE, 3, ZF),
         ALU(STORE, 4, CF));
    for (unsigned i = 2; i <= 4; i++) {
        emit_srm(&b.batch, RING_GPR(i), 8 * i);
        emit_srm(&b.batch, RING_GPR(i) + 4, 8 * i + 4);
    }
    run_batch(&b);
    g_assert_cmphex(result64(&b, 16), ==, row->result);
    g_assert_cmphex(result64(&b, 24), ==, row->zf ? UINT64_MAX : 0);
    g_assert_cmphex(result64(&b, 32), ==, row->cf ? UINT64_MAX : 0);
}

static void test_math(Gpu *gpu)
{
    static const MathRow rows[] = {
        { ADD, 0xffffffff, 1, 0x100000000ull, false, false },
        { ADD, UINT64_MAX, 1, 0, true, true },
        { SUB, 5, 7, -2, false, true },
        { SUB, 7, 7, 0, true, false },
        { AND, 0xff00ff00ff00ull, 0x0ff00ff00ff0ull, 0x0f000f000f00ull },
        { OR, 1ull << 63, 1, (1ull << 63) | 1 },
        { XOR, 0xaaaa, 0xaaaa, 0, true },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        check_math(gpu, &rows[i]);
    }
}

/* Loads and stores that change their operand */
static void test_math_forms(Gpu *gpu)
{
    Bench b = new_bench(gpu, BCS0);

    emit_lri(&b.batch, RING_GPR(0), 0x0f);
    emit_lri(&b.batch, RING_GPR(0) + 4, 0);
    EMIT(&b.batch, MI_MATH(8),
         ALU(LOADINV, SRCA, 0), ALU(LOAD0, SRCB, 0), ALU(ADD, 0, 0),
         ALU(STORE, 1, ACCU),
         ALU(LOAD, SRCA, 0), ALU(LOAD0, SRCB, 0), ALU(OR, 0, 0),
         ALU(STOREINV, 2, ACCU));
    emit_srm(&b.batch, RING_GPR(1), 0);
    emit_srm(&b.batch, RING_GPR(1) + 4, 4);
    emit_srm(&b.batch, RING_GPR(2), 8);
    emit_srm(&b.batch, RING_GPR(2) + 4, 12);
    run_batch(&b);
    g_assert_cmphex(result64(&b, 0), ==, ~0xfull);
    g_assert_cmphex(result64(&b, 8), ==, ~0xfull);
}

typedef struct AtomicRow {
    unsigned op;                    /* bit 5: on 64 bits */
    uint64_t before, operand, operand2, after;
} AtomicRow;

static void check_atomic(Bench *b, const AtomicRow *row)
{
    uint64_t mask = row->op & 0x20 ? UINT64_MAX : UINT32_MAX;

    gpu_pokeq(b->gpu, b->data.phys, row->before);
    gpu_pokeq(b->gpu, b->data.phys + 8, 0x5555555566666666ull);
    emit_lri(&b->batch, RING_GPR(0), 0);
    emit_lri(&b->batch, RING_GPR(0) + 4, 0);
    EMIT(&b->batch, MI_ATOMIC | ATOMIC_OPCODE(row->op) | ATOMIC_INLINE |
         ATOMIC_RETURN | BIT(17), DATA_VA, 0,
         row->operand, row->operand2, row->operand >> 32,
         row->operand2 >> 32, 0, 0, 0, 0);
    emit_srm(&b->batch, RING_GPR(0), 16);
    emit_srm(&b->batch, RING_GPR(0) + 4, 20);
    run_batch(b);
    g_assert_cmphex(result64(b, 0), ==, row->after);
    g_assert_cmphex(result64(b, 16), ==, row->before & mask);
    g_assert_cmphex(result64(b, 8), ==, 0x5555555566666666ull);
}

static void test_atomic(Gpu *gpu)
{
    static const AtomicRow rows[] = {
        { 0x01, 0xff0000ff00ull, 0x0ff0, 0, 0xff00000f00ull },  /* AND */
        { 0x02, 0xf0, 0x0f, 0, 0xff },                          /* OR */
        { 0x03, 0xff, 0x0f, 0, 0xf0 },                          /* XOR */
        { 0x04, 0x11, 0x22, 0, 0x22 },                          /* MOVE */
        { 0x05, 0xffffffff, 0, 0, 0 },                          /* INC */
        { 0x06, 0x100000000ull, 0, 0, 0x1ffffffffull },         /* DEC */
        { 0x07, 0x12, 0x30, 0, 0x42 },                          /* ADD */
        { 0x08, 0x42, 0x30, 0, 0x12 },                          /* SUB */
        { 0x09, 0x30, 0x42, 0, 0x12 },                          /* RSUB */
        { 0x0a, 0x01, 0xffffffff, 0, 0x01 },                    /* IMAX */
        { 0x0b, 0x01, 0xffffffff, 0, 0xffffffff },              /* IMIN */
        { 0x0c, 0x01, 0xffffffff, 0, 0xffffffff },              /* UMAX */
        { 0x0d, 0x01, 0xffffffff, 0, 0x01 },                    /* UMIN */
        { 0x0e, 0x07, 0x07, 0x09, 0x09 },                       /* CMPWR */
        { 0x0e, 0x08, 0x07, 0x09, 0x08 },
        { 0x25, 0xffffffff, 0, 0, 0x100000000ull },             /* INC, 64 */
        { 0x27, 0xf00000000ull, 0x1100000001ull, 0, 0x2000000001ull },
        { 0x2e, 0x700000007ull, 0x700000007ull, 0x900000009ull,
          0x900000009ull },
        { 0x2e, 0x700000007ull, 0x800000007ull, 0x9, 0x700000007ull },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        Bench b = new_bench(gpu, i % GPU_ENGINES);

        check_atomic(&b, &rows[i]);
    }
}

/* Two engines increment one dword, 100 times each; no increment is lost. */
static void test_atomic_engines(Gpu *gpu)
{
    Bench b[2] = { new_bench(gpu, RCS0), new_bench(gpu, VCS0) };

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 100; k++) {
            EMIT(b[i].ring, MI_ATOMIC | MI_GGTT | ATOMIC_OPCODE(0x05) | 1,
                 b[0].data.ggtt, 0);
        }
        gpu_submit(gpu, b[i].ctx, NULL);
    }
    for (unsigned i = 0; i < 2; i++) {
        gpu_event(gpu, b[i].ctx->id);
        gpu_event(gpu, b[i].ctx->id);
    }
    g_assert_cmphex(result(&b[0], 0), ==, 200);
}

/* The write after a flush that ends a request */
static void test_post_sync(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);
    Bench c = new_bench(gpu, VCS2);

    EMIT(b.ring, PIPE_CONTROL, PC_WRITE_IMM | PC_CS_STALL | PC_GGTT,
         b.data.ggtt, 0, 0x11, 0x22,
         PIPE_CONTROL, PC_WRITE_IMM | PC_CS_STALL, DATA_VA + 8, 0, 0x33,
         0x44);
    gpu_run(gpu, b.ctx);
    g_assert_cmphex(result64(&b, 0), ==, 0x2200000011ull);
    g_assert_cmphex(result64(&b, 8), ==, 0x4400000033ull);
    EMIT(c.ring, MI_FLUSH_DW | FLUSH_DW_WRITE_IMM, c.data.ggtt | BIT(2), 0,
         0x55, 0x66,
         MI_FLUSH_DW | FLUSH_DW_WRITE_IMM, DATA_VA + 8, 0, 0x77, 0x88);
    gpu_run(gpu, c.ctx);
    g_assert_cmphex(result64(&c, 0), ==, 0x6600000055ull);
    g_assert_cmphex(result64(&c, 8), ==, 0x8800000077ull);
}

/*
 * A PIPE_CONTROL of 5 dwords leaves out the upper half of the immediate, which
 * is then taken as 0.  It writes 64 bits; bit 2 of the address has no effect.
 */
static void test_post_sync_short(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    gpu_pokeq(gpu, b.data.phys, UINT64_MAX);
    gpu_pokeq(gpu, b.data.phys + 8, UINT64_MAX);
    EMIT(&b.batch, PIPE_CONTROL_SHORT, PC_WRITE_IMM | PC_CS_STALL,
         DATA_VA | BIT(2), 0, 0x33,
         MI_STORE_DATA_IMM, DATA_VA + 16, 0, 0x44);
    run_batch(&b);
    g_assert_cmphex(result64(&b, 0), ==, 0x33);
    g_assert_cmphex(result64(&b, 8), ==, UINT64_MAX);
    g_assert_cmphex(result(&b, 16), ==, 0x44);
}

/*
 * A batch in a PPGTT may write a GPR.  It may write INSTPM, a masked register,
 * only if RING_FORCE_TO_NONPRIV lists it.
 */
static void test_privilege_registers(Gpu *gpu)
{
    Bench b = new_bench(gpu, BCS0);
    uint32_t instpm = gpu_engines[BCS0].base + 0x0c0;

    emit_lri(&b.batch, RING_GPR(0), 0x11);
    EMIT(&b.batch, MI_LOAD_REGISTER_IMM(1), instpm, 0x00400040);
    emit_srm(&b.batch, RING_GPR(0), 0);
    EMIT(&b.batch, MI_STORE_REGISTER_MEM, instpm, DATA_VA + 4, 0);
    run_batch(&b);
    g_assert_cmphex(result(&b, 0), ==, 0x11);
    g_assert_cmphex(result(&b, 4), ==, 0);
    gpu_expect(gpu, "privilege-errors", 1);

    gpu_ring_write(gpu, BCS0, RING_FORCE_TO_NONPRIV, instpm);
    EMIT(&b.batch, MI_LOAD_REGISTER_IMM(1), instpm, 0x00400040);
    EMIT(&b.batch, MI_STORE_REGISTER_MEM, instpm, DATA_VA + 4, 0);
    run_batch(&b);
    g_assert_cmphex(result(&b, 4), ==, 0x40);
}

/*
 * A user mode driver sets the address of its AUX table, invalidates the table,
 * and sets how constants are addressed.  Address and mode belong to the
 * context.
 */
static void test_user_state(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0), c = new_bench(gpu, RCS0);

    EMIT(&b.batch, MI_LOAD_REGISTER_IMM(4), 0x4200, 0x12348000, 0x4204, 0x56,
         0x20d8, 0x00100010, 0x4208, 1);
    run_batch(&b);
    EMIT(&c.batch, MI_LOAD_REGISTER_IMM(3), 0x4200, 0x9abc8000, 0x4204, 0xde,
         0x20d8, 0x00100000);
    run_batch(&c);
    EMIT(&b.batch, MI_STORE_REGISTER_MEM, 0x4200, DATA_VA, 0,
         MI_STORE_REGISTER_MEM, 0x4204, DATA_VA + 4, 0,
         MI_STORE_REGISTER_MEM, 0x20d8, DATA_VA + 8, 0,
         MI_STORE_REGISTER_MEM, 0x4208, DATA_VA + 12, 0);
    gpu_poke(gpu, b.data.phys + 12, UINT32_MAX);
    run_batch(&b);
    g_assert_cmphex(result(&b, 0), ==, 0x12348000);
    g_assert_cmphex(result(&b, 4), ==, 0x56);
    g_assert_cmphex(result(&b, 8), ==, 0x0010);
    g_assert_cmphex(result(&b, 12), ==, 0);
}

/* Counters of the 3D pipeline, which a batch may write, belong to a context. */
static void test_user_counters(Gpu *gpu)
{
    static const uint32_t regs[] = {
        0x2310, 0x2344,                 /* IA_VERTICES, CL_PRIMITIVES_COUNT */
        0x5200, 0x521c,                 /* SO_NUM_PRIMS_WRITTEN */
        0x5240, 0x525c,                 /* SO_PRIM_STORAGE_NEEDED */
        0x5280, 0x528c,                 /* SO_WRITE_OFFSET */
    };
    Bench b[2] = { new_bench(gpu, RCS0), new_bench(gpu, RCS0) };

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < ARRAY_SIZE(regs); k++) {
            EMIT(&b[i].batch, MI_LOAD_REGISTER_IMM(1), regs[k],
                 0x1000 * (i + 1) + 4 * k);
        }
        run_batch(&b[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < ARRAY_SIZE(regs); k++) {
            EMIT(&b[i].batch, MI_STORE_REGISTER_MEM, regs[k], DATA_VA + 4 * k,
                 0);
        }
        run_batch(&b[i]);
        for (unsigned k = 0; k < ARRAY_SIZE(regs); k++) {
            g_assert_cmphex(result(&b[i], 4 * k), ==,
                            0x1000 * (i + 1) + 4 * k);
        }
    }
}

/* A batch in a PPGTT cannot access the GGTT. */
static void test_privilege_memory(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);
    GpuBuffer secret = gpu_buffer(gpu, 1);

    gpu_poke(gpu, secret.phys, 0x5ec7e7);
    EMIT(&b.batch, MI_STORE_DATA_IMM | MI_GGTT, secret.ggtt, 0, 0xbad,
         MI_LOAD_REGISTER_MEM | MI_GGTT | MI_CS_MMIO, RING_GPR(0),
         secret.ggtt, 0,
         MI_COPY_MEM_MEM | BIT(22), DATA_VA + 4, 0, secret.ggtt, 0);
    emit_srm(&b.batch, RING_GPR(0), 0);
    EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA + 8, 0, 1);
    run_batch(&b);
    g_assert_cmphex(gpu_peek(gpu, secret.phys), ==, 0x5ec7e7);
    g_assert_cmphex(result(&b, 0), ==, 0);
    g_assert_cmphex(result(&b, 4), ==, 0);
    g_assert_cmphex(result(&b, 8), ==, 1);
    gpu_expect(gpu, "privilege-errors", 3);
}

/* An instruction error: EIR, IPEHR, interrupt, no completion; then w1c. */
static void test_unknown_command(Gpu *gpu)
{
    const uint32_t bad = MI(0x3b);
    Bench b = new_bench(gpu, VCS0);

    gpu_irq_enable(gpu, INTR_CS_ERROR);
    gpu_ring_write(gpu, VCS0, RING_EMR, 0xfffffffe);
    EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA, 0, 1, bad,
         MI_STORE_DATA_IMM, DATA_VA, 0, 2, MI_BATCH_BUFFER_END);
    EMIT(b.ring, MI_BATCH_BUFFER_START | BB_PPGTT, BATCH_VA, 0);
    gpu_submit(gpu, b.ctx, NULL);
    gpu_event(gpu, VCS0);
    GPU_WAIT(gpu, gpu_ring_read(gpu, VCS0, RING_EIR));
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, VCS0));
    g_assert_cmphex(result(&b, 0), ==, 1);
    g_assert_cmphex(gpu_ring_read(gpu, VCS0, RING_EIR), ==,
                    ERROR_INSTRUCTION);
    g_assert_cmphex(gpu_ring_read(gpu, VCS0, RING_ESR), ==,
                    ERROR_INSTRUCTION);
    g_assert_cmphex(gpu_ring_read(gpu, VCS0, RING_IPEHR), ==, bad);
    g_assert_cmphex(gpu_ring_read(gpu, VCS0, RING_ACTHD), ==, BATCH_VA + 16);
    gpu_write(gpu, IIR_SELECTOR(1), BIT(0));
    g_assert_cmphex(gpu_read(gpu, INTR_IDENTITY(1)) & 0xffff, ==,
                    INTR_CS_ERROR);

    gpu_ring_write(gpu, VCS0, RING_EIR, 0);
    g_assert_cmphex(gpu_ring_read(gpu, VCS0, RING_EIR), ==,
                    ERROR_INSTRUCTION);
    gpu_ring_write(gpu, VCS0, RING_EIR, UINT32_MAX);
    g_assert_cmphex(gpu_ring_read(gpu, VCS0, RING_EIR), ==, 0);
    gpu_expect(gpu, "unknown-commands", 1);
    gpu_expect(gpu, "guest-errors", 1);
}

/* EMR keeps an error out of EIR, not out of ESR. */
static void test_masked_error(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    gpu_ring_write(gpu, RCS0, RING_EMR, UINT32_MAX);
    EMIT(b.ring, MI(0x3b));
    gpu_submit(gpu, b.ctx, NULL);
    gpu_event(gpu, RCS0);
    GPU_WAIT(gpu, gpu_ring_read(gpu, RCS0, RING_ESR));
    g_assert_cmphex(gpu_ring_read(gpu, RCS0, RING_EIR), ==, 0);
    gpu_expect(gpu, "unknown-commands", 1);
    gpu_expect(gpu, "guest-errors", 1);
}

/* State commands of the 3D pipeline are skipped by their length. */
static void test_skipped(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    /* STATE_BASE_ADDRESS, 22 dwords that would be stores of their own */
    EMIT(&b.batch, 0x61010014, MI_STORE_DATA_IMM, DATA_VA, 0, 0xbad);
    for (unsigned i = 5; i < 22; i++) {
        EMIT(&b.batch, UINT32_MAX);
    }
    EMIT(&b.batch, MI_STORE_DATA_IMM, DATA_VA + 4, 0, 1);
    run_batch(&b);
    g_assert_cmphex(result(&b, 0), ==, 0);
    g_assert_cmphex(result(&b, 4), ==, 1);
    g_assert_cmpuint(gpu_counter(gpu, "skipped-commands"), ==, 1);
}

/* A draw call is counted. */
static void test_unsupported(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    EMIT(&b.batch, 0x7b000005, 0, 0, 0, 0, 0, 0);   /* 3DPRIMITIVE */
    run_batch(&b);
    gpu_expect(gpu, "unsupported-commands", 1);
}

#define BLT_WRITE_RGBA  (3u << 20)
#define XY_COLOR_BLT    (2u << 29 | 0x50 << 22 | BLT_WRITE_RGBA | 5)
#define XY_SRC_COPY_BLT (2u << 29 | 0x53 << 22 | BLT_WRITE_RGBA | 8)

/* Fill and copy: a rectangle of 4 x 3 pixels of 32 bits */
static void test_blitter(Gpu *gpu)
{
    Bench b = new_bench(gpu, BCS0);

    EMIT(&b.batch, XY_COLOR_BLT, 3 << 24 | 0xf0 << 16 | 64,
         1 << 16 | 2, 4 << 16 | 6, DATA_VA, 0, 0xc0105);
    EMIT(&b.batch, XY_SRC_COPY_BLT, 3 << 24 | 0xcc << 16 | 64,
         0, 3 << 16 | 4, DATA_VA + 0x400, 0, 1 << 16 | 2, 64, DATA_VA, 0);
    run_batch(&b);
    for (unsigned y = 0; y < 6; y++) {
        for (unsigned x = 0; x < 16; x++) {
            bool fill = x >= 2 && x < 6 && y >= 1 && y < 4;
            bool copy = x < 4 && y < 3;

            g_assert_cmphex(result(&b, 64 * y + 4 * x), ==,
                            fill ? 0xc0105 : 0);
            g_assert_cmphex(result(&b, 0x400 + 64 * y + 4 * x), ==,
                            copy ? 0xc0105 : 0);
        }
    }
}

/*
 * A fill of 2 MiB takes an engine several steps.  Another context that is
 * submitted meanwhile runs after the blit, not in the middle of it.
 */
static void test_long_blit(Gpu *gpu)
{
    uint64_t pml4 = gpu_ram(gpu, 1), phys = gpu_ram(gpu, 512);
    GpuContext *a = gpu_context(gpu, BCS0, pml4);
    Bench b = new_bench(gpu, BCS0);

    gpu_ppgtt_map(gpu, pml4, DATA_VA, phys | PTE_PRESENT, LEAF_2M);
    EMIT(&a->ring, XY_COLOR_BLT, 3 << 24 | 0xf0 << 16 | 0x4000,
         0, 128 << 16 | 0x1000, DATA_VA, 0, 0xab54a98c, MI_ARB_CHECK);
    EMIT(b.ring, MI_COPY_MEM_MEM | BIT(22), DATA_VA, 0, 0, 0);
    gpu_ggtt_map(gpu, 0, (phys + 2 * MiB - PAGE_BYTES) | PTE_PRESENT);
    gpu_submit(gpu, a, NULL);
    gpu_event(gpu, BCS0);
    gpu_submit(gpu, b.ctx, NULL);
    while (gpu_event(gpu, BCS0) != gpu_event_complete(b.ctx, NULL)) {
        continue;
    }
    g_assert_cmphex(result(&b, 0), ==, 0xab54a98c);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(gpu_peek(gpu, phys + i * PAGE_BYTES), ==, 0xab54a98c);
        g_assert_cmphex(gpu_peek(gpu, phys + (i + 1) * PAGE_BYTES - 4), ==,
                        0xab54a98c);
    }
    g_assert_cmphex(gpu_peek(gpu, phys + 2 * MiB), ==, 0);
}

/* Entries that MI_UPDATE_GTT writes need an invalidation, too. */
static void test_update_gtt(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);
    uint64_t page = gpu_ram(gpu, 2);

    EMIT(b.ring, MI(0x23) | 4, 0x200000, gpu_global(page | PTE_PRESENT), 0,
         gpu_global((page + PAGE_BYTES) | PTE_PRESENT), 0,
         MI_STORE_DATA_IMM | MI_GGTT, 0x201004, 0, 0x7e);
    gpu_run(gpu, b.ctx);
    g_assert_cmphex(gpu_peek(gpu, page + PAGE_BYTES + 4), ==, 0x7e);
    EMIT(&b.batch, MI(0x23) | 2, 0x201000, gpu_global(page | PTE_PRESENT), 0);
    run_batch(&b);
    EMIT(b.ring, PIPE_CONTROL, PC_TLB_INVALIDATE | PC_CS_STALL, 0, 0, 0, 0,
         MI_STORE_DATA_IMM | MI_GGTT, 0x201008, 0, 0x7f);
    gpu_run(gpu, b.ctx);
    g_assert_cmphex(gpu_peek(gpu, page + PAGE_BYTES + 8), ==, 0x7f);
    gpu_expect(gpu, "privilege-errors", 1);
}

/* The engine halts at a malformed command; it runs again after a reset. */
static void check_malformed(Gpu *gpu, Bench *b)
{
    uint32_t hwsp = gpu_ring_read(gpu, b->ctx->id, RING_HWS_PGA);
    uint64_t errors = gpu_counter(gpu, "guest-errors");
    Bench next = new_bench(gpu, b->ctx->id);

    gpu_submit(gpu, b->ctx, NULL);
    gpu_event(gpu, b->ctx->id);
    GPU_WAIT(gpu, gpu_counter(gpu, "guest-errors") == errors + 1);
    gpu_settle(gpu);
    g_assert_false(gpu_event_pending(gpu, b->ctx->id));
    gpu_write(gpu, GDRST, gpu_engines[b->ctx->id].gdrst);
    gpu_ring_write(gpu, b->ctx->id, RING_HWS_PGA, hwsp);
    gpu_engine_setup(gpu, b->ctx->id);
    EMIT(&next.batch, MI_STORE_DATA_IMM, DATA_VA, 0, 1);
    run_batch(&next);
    g_assert_cmphex(result(&next, 0), ==, 1);
}

static void test_malformed(Gpu *gpu)
{
    Bench b = new_bench(gpu, RCS0);

    EMIT(b.ring, MI_STORE_DATA_IMM | MI_GGTT);      /* beyond the tail */
    check_malformed(gpu, &b);
    b = new_bench(gpu, BCS0);
    EMIT(b.ring, MI(0x20) | MI_GGTT, 0, 0, 0);      /* of 2 dwords */
    check_malformed(gpu, &b);
    b = new_bench(gpu, VCS0);
    EMIT(b.ring, MI_ATOMIC | MI_GGTT | 1, b.data.ggtt, 0, MI_NOOP);
    check_malformed(gpu, &b);
    b = new_bench(gpu, VCS2);                       /* no list of registers */
    gpu_poke(gpu, gpu_image_addr(b.ctx, 1), UINT32_MAX);
    EMIT(b.ring, MI_NOOP);
    check_malformed(gpu, &b);
    b = new_bench(gpu, VECS0);
    EMIT(b.ring, MI_BATCH_BUFFER_END);              /* not in a batch */
    check_malformed(gpu, &b);
    b = new_bench(gpu, RCS0);
    EMIT(b.ring, PIPE_CONTROL_SHORT - 1, 0, 0, 0);  /* of 4 dwords */
    check_malformed(gpu, &b);
    gpu_expect(gpu, "guest-errors", 6);
    gpu_expect(gpu, "engine-resets", 6);
}

void gpu_add_command_tests(void)
{
    gpu_add_test("mi/store-data", test_store_data);
    gpu_add_test("mi/registers", test_registers);
    gpu_add_test("mi/register-absolute", test_register_absolute);
    gpu_add_test("mi/copy", test_copy);
    gpu_add_test("mi/semaphore-ops", test_semaphore_ops);
    gpu_add_test("mi/semaphore-engines", test_semaphore_engines);
    gpu_add_test("mi/semaphore-register", test_semaphore_register);
    gpu_add_test("mi/batches", test_batches);
    gpu_add_test("mi/conditional-end", test_conditional_end);
    gpu_add_test("mi/predicated-start", test_predicated_start);
    gpu_add_test("mi/set-predicate", test_set_predicate);
    gpu_add_test("mi/predicate", test_predicate);
    gpu_add_test("mi/math", test_math);
    gpu_add_test("mi/math-forms", test_math_forms);
    gpu_add_test("mi/atomic", test_atomic);
    gpu_add_test("mi/atomic-engines", test_atomic_engines);
    gpu_add_test("mi/update-gtt", test_update_gtt);
    gpu_add_test("mi/post-sync", test_post_sync);
    gpu_add_test("mi/post-sync-short", test_post_sync_short);
    gpu_add_test("mi/privilege-registers", test_privilege_registers);
    gpu_add_test("mi/user-state", test_user_state);
    gpu_add_test("mi/user-counters", test_user_counters);
    gpu_add_test("mi/privilege-memory", test_privilege_memory);
    gpu_add_test("error/unknown-command", test_unknown_command);
    gpu_add_test("error/masked", test_masked_error);
    gpu_add_test("error/malformed", test_malformed);
    gpu_add_test("gfx/skipped", test_skipped);
    gpu_add_test("gfx/unsupported", test_unsupported);
    gpu_add_test("blt/fill-copy", test_blitter);
    gpu_add_test("blt/long", test_long_blit);
}
