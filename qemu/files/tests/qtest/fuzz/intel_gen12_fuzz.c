/*
 * Fuzzing target of the Intel Gen12 GPU
 *
 * Register accesses alone hardly ever make an engine run.  Each input is
 * therefore a small program, which starts from a valid state.  It writes
 * commands to rings and batches, changes context images and page tables,
 * submits, and lets time pass.  Most addresses and lengths are near valid
 * ones, some are arbitrary.
 *
 * The GPU uses one block of pages: of the guest's memory, or of local memory
 * on DG1.  The GGTT maps the block at GGTT_BASE; the PPGTT maps it at 0,
 * repeatedly.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "hw/pci/pci_regs.h"
#include "hw/qdev-core.h"
#include "qom/object.h"
#include "tests/qtest/libqtest.h"
#include "fuzz.h"

#define DEVFN           (2 << 3)
#define BAR0            0xe0000000u
#define BAR2            0xc0000000u
#define GSM             (BAR0 + 8 * MiB)

#define PAGE            4096
#define MEMORY          (16 * MiB)      /* of the block */
#define MEMORY_PAGES    64
#define GGTT_BASE       (1 * MiB)
#define PRESENT         1

/* The layout of the block, in pages */
#define STATUS_PAGES    0               /* one an engine */
#define IMAGES          8               /* two contexts an engine, 2 pages */
#define RINGS           32              /* one a context */
#define TABLES          42              /* PML4, PDPT, PD, PT */
#define BATCHES         48

#define ENGINES         5
#define CONTEXTS        (2 * ENGINES)

static const uint32_t engine_base[ENGINES] = {
    0x2000, 0x22000, 0x1c0000, 0x1d0000, 0x1c8000,
};

/* Registers outside the engines that do something, and their neighbours */
static const uint32_t global_regs[] = {
    0x941c, 0xced8, 0xcedc, 0xcee0, 0xcee4, 0xcec4, 0x101008, 0x4208,
    0xa278, 0xa188, 0xa540, 0xa560, 0xa090, 0xa094, 0xa024, 0xa008, 0xa068,
    0x138124, 0x138128, 0x138108, 0x45404, 0x100000, 0x100004, 0x190010,
    0x190018, 0x19001c, 0x190030, 0x190034, 0x190060, 0x190064, 0x190070,
    0x190074, 0x190090, 0x1900a0, 0x1900a8, 0x1900ac, 0x1900d0, 0x190008,
};

static const uint16_t ring_regs[] = {
    0x030, 0x034, 0x038, 0x03c, 0x080, 0x09c, 0x0b0, 0x0b4, 0x0d0, 0x110,
    0x140, 0x1c0, 0x1c4, 0x1c8, 0x200, 0x234, 0x244, 0x270, 0x274, 0x358,
    0x3a0, 0x3a8, 0x41c, 0x4d0, 0x510, 0x514, 0x550, 0x600, 0x604, 0x608,
};

/* Headers without their length: MI, 2D, GFXPIPE */
static const uint32_t headers[] = {
    0x00u << 23, 0x01u << 23, 0x02u << 23, 0x05u << 23, 0x08u << 23,
    0x0au << 23, 0x0cu << 23, 0x1au << 23, 0x1cu << 23, 0x20u << 23,
    0x21u << 23, 0x22u << 23, 0x23u << 23, 0x24u << 23, 0x26u << 23,
    0x29u << 23, 0x2au << 23, 0x2eu << 23, 0x2fu << 23, 0x31u << 23,
    0x36u << 23, 0x28u << 23, 0x14u << 23,
    2u << 29 | 0x42u << 22, 2u << 29 | 0x50u << 22, 2u << 29 | 0x53u << 22,
    2u << 29 | 0x51u << 22, 0x7a00u << 16, 0x6101u << 16, 0x7b00u << 16,
    0x7000u << 16, 0x7917u << 16, 0x6904u << 16,
};

/*
 * The CPU's address of the block, and the bits of its GGTT and PPGTT entries
 */
static uint64_t memory_cpu = MEMORY, ggtt_bits = PRESENT,
                leaf_bits = PRESENT;

/* The block and its entries of the GGTT, as they are before each input */
static uint8_t block[MEMORY_PAGES * PAGE];
static uint64_t block_ggtt[MEMORY_PAGES];

typedef struct Input {
    const uint8_t *data;
    size_t left;
} Input;

typedef struct Machine {
    QTestState *qts;
    uint32_t tail[CONTEXTS];            /* of the rings, in bytes */
    uint32_t batch;                     /* bytes in the batches */
} Machine;

/* At its end an input is continued with zeros. */
static uint32_t take(Input *in, unsigned bytes)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes && in->left; i++, in->left--) {
        value |= (uint32_t)*in->data++ << 8 * i;
    }
    return value;
}

/* Addresses of a page of the block: in its memory, for the CPU, in the GGTT */
static uint64_t page(unsigned index)
{
    return MEMORY + (uint64_t)PAGE * index;
}

static uint64_t cpu(unsigned index)
{
    return memory_cpu + (uint64_t)PAGE * index;
}

static uint32_t ggtt(unsigned index)
{
    return GGTT_BASE + PAGE * index;
}

static void poke(Machine *m, uint64_t addr, uint32_t value)
{
    qtest_writel(m->qts, addr, value);
}

static void poke64(Machine *m, uint64_t addr, uint64_t value)
{
    qtest_writeq(m->qts, addr, value);
}

/* A context that can run: its ring, and the PPGTT */
static void make_image(unsigned context)
{
    uint8_t *regs = block + PAGE * (IMAGES + 2 * context + 1);
    const uint32_t list[] = {
        0x22u << 23 | BIT(19) | 13,
        0x244, 0x00090008, 0x034, 0, 0x030, 0, 0x038, ggtt(RINGS + context),
        0x03c, 1, 0x274, 0, 0x270, page(TABLES), 0x0au << 23,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
        stl_le_p(regs + 4 * (i + 1), list[i]);
    }
}

static void make_entry(unsigned table, unsigned index, uint64_t entry)
{
    stq_le_p(block + PAGE * table + 8 * index, entry);
}

/* Leaves of 4 KiB, and above them of 2 MiB, 64 KiB and 1 GiB */
static void make_tables(void)
{
    make_entry(TABLES, 0, page(TABLES + 1) | PRESENT);
    make_entry(TABLES + 1, 0, page(TABLES + 2) | PRESENT);
    make_entry(TABLES + 1, 1, BIT(7) | leaf_bits);
    make_entry(TABLES + 2, 0, page(TABLES + 3) | PRESENT);
    make_entry(TABLES + 2, 1, MEMORY | BIT(7) | leaf_bits);
    make_entry(TABLES + 2, 2, page(TABLES + 3) | BIT(11) | PRESENT);
    for (unsigned i = 0; i < 512; i++) {
        make_entry(TABLES + 3, i, page(i % MEMORY_PAGES) | leaf_bits);
    }
}

static void make_block(void)
{
    make_tables();
    for (unsigned i = 0; i < CONTEXTS; i++) {
        make_image(i);
    }
    for (unsigned i = 0; i < MEMORY_PAGES; i++) {
        block_ggtt[i] = cpu_to_le64(page(i) | ggtt_bits);
    }
}

static void set_up(Machine *m)
{
    Object *gpu = object_resolve_path("/machine/peripheral/gpu", NULL);

    device_cold_reset(DEVICE(gpu));
    qtest_memwrite(m->qts, cpu(0), block, sizeof(block));
    qtest_memwrite(m->qts, GSM + 8 * (GGTT_BASE / PAGE), block_ggtt,
                   sizeof(block_ggtt));
    for (unsigned i = 0; i < ENGINES; i++) {
        poke(m, BAR0 + engine_base[i] + 0x080, ggtt(STATUS_PAGES + i));
        poke(m, BAR0 + engine_base[i] + 0x29c, 0x00080008);
    }
    poke(m, BAR0 + 0x190030, UINT32_MAX);
    poke(m, BAR0 + 0x190034, UINT32_MAX);
    for (uint32_t reg = 0x190090; reg <= 0x1900d0; reg += 4) {
        poke(m, BAR0 + reg, 0);
    }
    poke(m, BAR0 + 0x190010, BIT(31));
}

/* One of the values that a command's dword is likely to be */
static uint32_t operand(Input *in)
{
    uint32_t kind = take(in, 1);

    switch (kind % 8) {
    case 0:
        return 0;
    case 1:
        return kind >> 3;
    case 2:
        return ggtt(0) + take(in, 2) * 4 % (MEMORY_PAGES * PAGE);
    case 3:
        return take(in, 2) * 4;                         /* PPGTT */
    case 4:
        return ring_regs[take(in, 1) % ARRAY_SIZE(ring_regs)];
    case 5:
        return engine_base[kind / 8 % ENGINES] +
               ring_regs[take(in, 1) % ARRAY_SIZE(ring_regs)];
    case 6:
        return global_regs[take(in, 1) % ARRAY_SIZE(global_regs)];
    default:
        return take(in, 4);
    }
}

/* A command: a header with some flags, a length, and operands */
static unsigned make_command(Input *in, uint32_t *cmd, unsigned max)
{
    uint32_t header = headers[take(in, 1) % ARRAY_SIZE(headers)];
    unsigned dwords = take(in, 1) % max;

    header |= take(in, 2) << 8 & 0x007fff00;
    cmd[0] = header | (dwords < 2 ? 0 : dwords - 2);
    for (unsigned i = 1; i < dwords; i++) {
        cmd[i] = operand(in);
    }
    return MAX(dwords, 1);
}

static void emit_ring(Machine *m, Input *in)
{
    unsigned context = take(in, 1) % CONTEXTS;
    uint32_t cmd[16];
    unsigned dwords = make_command(in, cmd, ARRAY_SIZE(cmd));

    for (unsigned i = 0; i < dwords; i++) {
        poke(m, cpu(RINGS + context) + m->tail[context], cmd[i]);
        m->tail[context] = (m->tail[context] + 4) % PAGE;
    }
}

static void emit_batch(Machine *m, Input *in)
{
    uint32_t cmd[16];
    unsigned dwords = make_command(in, cmd, ARRAY_SIZE(cmd));

    for (unsigned i = 0; i < dwords; i++) {
        poke(m, cpu(BATCHES) + m->batch, cmd[i]);
        m->batch = (m->batch + 4) % ((MEMORY_PAGES - BATCHES) * PAGE);
    }
}

/* Ends the batch, and lets a ring start it, at its beginning or elsewhere. */
static void start_batch(Machine *m, Input *in)
{
    unsigned context = take(in, 1) % CONTEXTS;
    uint32_t flags = take(in, 1), offset = flags & 1 ? take(in, 2) * 4 : 0;
    const uint32_t cmd[] = {
        0x31u << 23 | 1 | (flags & 2 ? 0 : BIT(8)) | (flags & 4 ? BIT(22) : 0),
        (flags & 2 ? ggtt(BATCHES) : BATCHES * PAGE) + offset, 0,
        0x02u << 23,
    };

    poke(m, cpu(BATCHES) + m->batch, 0x0au << 23);
    m->batch = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(cmd); i++) {
        poke(m, cpu(RINGS + context) + m->tail[context], cmd[i]);
        m->tail[context] = (m->tail[context] + 4) % PAGE;
    }
}

static void submit(Machine *m, Input *in)
{
    uint32_t flags = take(in, 1);
    unsigned engine = flags % ENGINES;
    uint32_t regs = BAR0 + engine_base[engine];

    for (unsigned i = 0; i < 2; i++) {
        unsigned context = engine + ENGINES * i;
        uint32_t low = ggtt(IMAGES + 2 * context) | (flags & 0x40 ? 5 : 1);

        poke(m, cpu(IMAGES + 2 * context + 1) + 4 * 7, m->tail[context] & ~7);
        if (i && !(flags & 0x80)) {
            low = 0;
        }
        poke(m, regs + 0x510 + 8 * i, low);
        poke(m, regs + 0x514 + 8 * i, (context + 1) << 5);
    }
    poke(m, regs + 0x550, 1);
}

static void access_register(Machine *m, Input *in)
{
    uint32_t kind = take(in, 1), reg;

    switch (kind % 4) {
    case 0:
        reg = global_regs[take(in, 1) % ARRAY_SIZE(global_regs)];
        break;
    case 1:
        reg = take(in, 3) & 0x7ffffc;
        break;
    default:
        reg = engine_base[kind / 4 % ENGINES] +
              ring_regs[take(in, 1) % ARRAY_SIZE(ring_regs)];
        break;
    }
    if (kind & 0x80) {
        poke(m, BAR0 + reg, operand(in));
    } else {
        qtest_readl(m->qts, BAR0 + reg);
        qtest_readb(m->qts, BAR0 + reg + kind / 4 % 4);
    }
}

static void access_memory(Machine *m, Input *in)
{
    uint32_t kind = take(in, 1), offset = take(in, 2);

    switch (kind % 4) {
    case 0:         /* any of the block */
        poke(m, cpu(0) + offset * 4 % (MEMORY_PAGES * PAGE), operand(in));
        break;
    case 1:         /* an entry of a page table */
        poke64(m, cpu(TABLES) + offset * 8 % (4 * PAGE),
               page(kind / 4) | (take(in, 2) & 0xfff) |
               (uint64_t)(take(in, 1) & 0x0f) << 28);
        break;
    case 2:         /* an entry of the GGTT */
        poke64(m, GSM + 8 * (GGTT_BASE / PAGE + offset % MEMORY_PAGES),
               page(kind / 4) | (take(in, 1) & 3) |
               (uint64_t)(take(in, 1) & 0x0f) << 28);
        break;
    default:        /* the aperture, or local memory */
        if (kind & 0x80) {
            qtest_writeq(m->qts, BAR2 + GGTT_BASE + offset * 8, operand(in));
        } else {
            qtest_readw(m->qts, BAR2 + GGTT_BASE + offset * 2);
        }
        break;
    }
}

static void run_input(QTestState *qts, const unsigned char *data, size_t size)
{
    Machine m = { .qts = qts };
    Input in = { .data = data, .left = size };

    set_up(&m);
    while (in.left) {
        switch (take(&in, 1) % 8) {
        case 0:
            emit_ring(&m, &in);
            break;
        case 1:
        case 2:
            emit_batch(&m, &in);
            break;
        case 3:
            start_batch(&m, &in);
            break;
        case 4:
            submit(&m, &in);
            break;
        case 5:
            access_register(&m, &in);
            break;
        case 6:
            access_memory(&m, &in);
            break;
        default:
            qtest_clock_step(qts, 100 * (1 + take(&in, 1)));
            break;
        }
    }
    qtest_clock_step(qts, 100 * 1000);
}

static void config(QTestState *qts, unsigned reg, uint32_t value)
{
    qtest_outl(qts, 0xcf8, 0x80000000u | DEVFN << 8 | reg);
    qtest_outl(qts, 0xcfc, value);
}

static void prepare(QTestState *qts)
{
    config(qts, PCI_BASE_ADDRESS_0, BAR0);
    config(qts, PCI_BASE_ADDRESS_1, 0);
    config(qts, PCI_BASE_ADDRESS_2, BAR2);
    config(qts, PCI_BASE_ADDRESS_3, 0);
    config(qts, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    make_block();
}

static void prepare_dg1(QTestState *qts)
{
    memory_cpu = BAR2 + MEMORY;
    ggtt_bits = PRESENT | BIT(1);
    leaf_bits = PRESENT | BIT(11);
    prepare(qts);
}

static GString *command_line(FuzzTarget *target)
{
    return g_string_new(TARGET_NAME " -machine q35,accel=qtest -m 64M "
                        "-display none -nodefaults -device ");
}

static GString *command_line_tgl(FuzzTarget *target)
{
    return g_string_append(command_line(target), "intel-gen12,id=gpu,addr=02.0,"
                           "deterministic=on");
}

static GString *command_line_dg1(FuzzTarget *target)
{
    return g_string_append(command_line(target), "intel-gen12-dg1,id=gpu,"
                           "addr=02.0,lmem-size=256M,deterministic=on");
}

static void register_targets(void)
{
    fuzz_add_target(&(FuzzTarget) {
        .name = "intel-gen12",
        .description = "Programs for the engines of the Intel Gen12 GPU",
        .get_init_cmdline = command_line_tgl,
        .pre_fuzz = prepare,
        .fuzz = run_input,
    });
    fuzz_add_target(&(FuzzTarget) {
        .name = "intel-gen12-dg1",
        .description = "The same, on DG1 with local memory",
        .get_init_cmdline = command_line_dg1,
        .pre_fuzz = prepare_dg1,
        .fuzz = run_input,
    });
}

fuzz_target_init(register_targets);
