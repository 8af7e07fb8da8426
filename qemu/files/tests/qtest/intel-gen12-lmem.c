/*
 * QTest of the Intel Gen12 GPU: DG1, and its local memory
 *
 * All tests of engines also run on DG1, with all memory local.  The tests in
 * this file are about what only DG1 has.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "intel-gen12-gpu.h"

#define GU_CNTL_PROTECTED   0x10100c
#define GU_CNTL             0x101010
#define   LMEM_INIT         BIT(7)
#define DSMBASE             0x1080c0
#define GSMBASE             0x108100
#define STOLEN_RESERVED     0x1082c0
#define PCODE_MAILBOX       0x138124
#define PCODE_DATA          0x138128
#define PCODE_DG1_STATUS    0x7e

#define XY_FAST_COPY_BLT    (2u << 29 | 0x42 << 22 | 8)
#define XY_COLOR_BLT        (2u << 29 | 0x50 << 22 | 5)
#define XY_SRC_COPY_BLT     (2u << 29 | 0x53 << 22 | 8)

static Gpu *start(const char *options)
{
    return gpu_start_platform(&gpu_dg1, true, options);
}

static uint64_t read64(Gpu *gpu, uint32_t reg)
{
    return gpu_read(gpu, reg) | (uint64_t)gpu_read(gpu, reg + 4) << 32;
}

static void test_pci(void)
{
    Gpu *gpu = start("");
    QPCIDevice *dev = gpu->dev;
    uint8_t cap;

    g_assert_cmphex(qpci_config_readw(dev, PCI_VENDOR_ID), ==, 0x8086);
    g_assert_cmphex(qpci_config_readw(dev, PCI_DEVICE_ID), ==, 0x4905);
    g_assert_cmphex(qpci_config_readb(dev, PCI_REVISION_ID), ==, 1);
    g_assert_cmphex(qpci_config_readl(dev, PCI_CLASS_REVISION) >> 8, ==,
                    0x030000);
    g_assert_cmphex(qpci_config_readl(dev, PCI_BASE_ADDRESS_0) & 0xf, ==, 0x4);
    g_assert_cmphex(qpci_config_readl(dev, PCI_BASE_ADDRESS_2) & 0xf, ==, 0xc);
    g_assert_cmphex(qpci_config_readw(dev, 0x50), ==, 0x00c0);

    /* Express; on the root bus, so integrated there */
    cap = qpci_find_capability(dev, PCI_CAP_ID_EXP, 0);
    g_assert_cmphex(cap, !=, 0);
    g_assert_cmphex(qpci_config_readw(dev, cap + PCI_EXP_FLAGS) &
                    PCI_EXP_FLAGS_TYPE, ==, PCI_EXP_TYPE_RC_END << 4);
    cap = qpci_find_capability(dev, PCI_CAP_ID_MSI, 0);
    g_assert_cmphex(cap, !=, 0);
    gpu_stop(gpu);
}

/* The top of local memory: 8 MiB GSM, 56 MiB DSM with 2 MiB reserved in it */
static void check_layout(const char *options, uint64_t size, uint64_t bar)
{
    Gpu *gpu = start(options);

    g_assert_cmphex(read64(gpu, GSMBASE), ==, size - 64 * MiB);
    g_assert_cmphex(read64(gpu, DSMBASE), ==, size - 56 * MiB);
    g_assert_cmphex(read64(gpu, STOLEN_RESERVED), ==, (size - 2 * MiB) | 0x80);
    qpci_config_writel(gpu->dev, PCI_BASE_ADDRESS_2, UINT32_MAX);
    qpci_config_writel(gpu->dev, PCI_BASE_ADDRESS_3, UINT32_MAX);
    g_assert_cmphex((qpci_config_readl(gpu->dev, PCI_BASE_ADDRESS_2) & ~0xfu) |
                    (uint64_t)qpci_config_readl(gpu->dev, PCI_BASE_ADDRESS_3)
                    << 32, ==, -bar);
    gpu_stop(gpu);
}

static void test_layout(void)
{
    check_layout("", 256 * MiB, 256 * MiB);
    check_layout(",lmem-size=512M,lmem-bar-size=256M", 512 * MiB, 256 * MiB);
    check_layout(",lmem-size=4G,lmem-bar-size=256M", 4 * GiB, 256 * MiB);
}

static void test_registers(void)
{
    static const uint32_t read_only[] = {
        GSMBASE, GSMBASE + 4, DSMBASE, STOLEN_RESERVED, GU_CNTL_PROTECTED,
    };
    Gpu *gpu = start("");

    g_assert_cmphex(gpu_read(gpu, GU_CNTL), ==, LMEM_INIT);
    gpu_write(gpu, GU_CNTL, 0);
    g_assert_cmphex(gpu_read(gpu, GU_CNTL), ==, LMEM_INIT);
    g_assert_cmphex(gpu_read(gpu, GU_CNTL_PROTECTED), ==, 0);
    g_assert_cmphex(gpu_read(gpu, 0x9138), ==, 1);
    g_assert_cmphex(gpu_read(gpu, 0x913c), ==, 0x3f);
    for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
        uint32_t before = gpu_read(gpu, read_only[i]);

        gpu_write(gpu, read_only[i], ~before);
        g_assert_cmphex(gpu_read(gpu, read_only[i]), ==, before);
    }
    gpu_expect(gpu, "readonly-writes", ARRAY_SIZE(read_only));
    gpu_stop(gpu);
}

static uint32_t pcode(Gpu *gpu, uint32_t command, uint32_t data)
{
    gpu_write(gpu, PCODE_DATA, data);
    gpu_write(gpu, PCODE_MAILBOX, BIT(31) | command);
    return gpu_read(gpu, PCODE_MAILBOX);
}

static void test_pcode(void)
{
    Gpu *gpu = start("");

    g_assert_cmphex(pcode(gpu, PCODE_DG1_STATUS, 0), ==, 0);
    g_assert_cmphex(gpu_read(gpu, PCODE_DATA), ==, 1);
    g_assert_cmphex(pcode(gpu, PCODE_DG1_STATUS, 5), ==, 1);    /* illegal */
    gpu_stop(gpu);
}

/* Tiger Lake has no local memory, and none of DG1's registers. */
static void test_tiger_lake(void)
{
    Gpu *gpu = gpu_start(true, "");
    uint64_t pml4 = gpu_ram(gpu, 1), a = gpu_ram(gpu, 1), b = gpu_ram(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, RCS0, pml4);

    g_assert_cmphex(pcode(gpu, PCODE_DG1_STATUS, 0), ==, 1);
    g_assert_cmphex(gpu_read(gpu, GSMBASE), ==, 0);
    g_assert_cmphex(gpu_read(gpu, MSTR_TILE_INTR), ==, 0);
    gpu_ppgtt_map(gpu, pml4, 0x1000, a | PTE_PRESENT | PTE_LOCAL, LEAF_4K);
    gpu_ggtt_map(gpu, 0x2000, b | PTE_PRESENT | GGTT_LOCAL);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM, 0x1000, 0, 1,
         MI_STORE_DATA_IMM | MI_GGTT, 0x2000, 0, 2);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, a), ==, 1);
    g_assert_cmphex(gpu_peek(gpu, b), ==, 2);
    gpu_expect(gpu, "unknown-reads", 2);
    gpu_stop(gpu);
}

/* QEMU refuses a bad size with a message. */
static void check_refused(const char *options, const char *message)
{
    g_autofree char *device = g_strdup_printf("intel-gen12-dg1,%s", options);
    g_autofree char *bios = gpu_firmware(), *err = NULL;
    const char *argv[] = {
        g_getenv("QTEST_QEMU_BINARY"), "-machine", "q35", "-nodefaults",
        "-vga", "none", "-display", "none", "-accel", "qtest", "-S",
        "-bios", bios, "-device", device, NULL,
    };
    int status;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL,
                               G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                               &err, &status, NULL));
    unlink(bios);
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    g_assert_nonnull(strstr(err, message));
}

static void test_sizes(void)
{
    check_refused("lmem-size=300M", "lmem-size must be a power of two");
    check_refused("lmem-size=128M", "at least 256 MiB");
    check_refused("lmem-size=0", "lmem-size must be");
    check_refused("lmem-size=1G,lmem-bar-size=2G", "no more than lmem-size");
    check_refused("lmem-size=1G,lmem-bar-size=300M", "lmem-bar-size must be");
    check_refused("lmem-size=1G,lmem-bar-size=128M", "lmem-bar-size must be");
}

/* The same address in both memories */
typedef struct Pair {
    uint64_t local, system;
} Pair;

static Pair pair(Gpu *gpu, unsigned pages)
{
    uint64_t phys = MAX(gpu->next_phys, gpu->next_local);
    Pair p;

    gpu->next_phys = gpu->next_local = phys;
    p.local = gpu_local_ram(gpu, pages);
    p.system = gpu_system_ram(gpu, pages);
    g_assert_cmphex(p.local, ==, p.system | GPU_LOCAL);
    return p;
}

/* On each engine, a leaf of each size maps the memory that its entry names. */
static void test_leaves(Gpu *gpu)
{
    static const struct { GpuLeaf leaf; unsigned pages; } rows[] = {
        { LEAF_4K, 1 }, { LEAF_64K, 16 }, { LEAF_2M, 512 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows) * GPU_ENGINES; i++) {
        unsigned row = i / GPU_ENGINES, last = rows[row].pages * PAGE_BYTES - 4;
        uint64_t pml4 = gpu_ram(gpu, 1), va = 0x7fff00000000ull;
        GpuContext *ctx = gpu_context(gpu, i % GPU_ENGINES, pml4);
        Pair p = pair(gpu, rows[row].pages);

        gpu_ppgtt_map(gpu, pml4, va, p.local | PTE_PRESENT, rows[row].leaf);
        gpu_ppgtt_map(gpu, pml4, va + GiB, p.system | PTE_PRESENT,
                      rows[row].leaf);
        EMIT(&ctx->ring, MI_STORE_DATA_IMM, va, va >> 32, 0x10,
             MI_STORE_DATA_IMM, va + GiB, (va + GiB) >> 32, 0x20,
             MI_STORE_DATA_IMM, va + last, va >> 32, 0x11,
             MI_STORE_DATA_IMM, va + GiB + last, (va + GiB) >> 32, 0x21);
        gpu_run(gpu, ctx);
        g_assert_cmphex(gpu_peek(gpu, p.local), ==, 0x10);
        g_assert_cmphex(gpu_peek(gpu, p.system), ==, 0x20);
        g_assert_cmphex(gpu_peek(gpu, p.local + last), ==, 0x11);
        g_assert_cmphex(gpu_peek(gpu, p.system + last), ==, 0x21);
    }
}

static void test_leaf_1g(Gpu *gpu)
{
    uint64_t pml4 = gpu_ram(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, BCS0, pml4);
    Pair p = pair(gpu, 1);

    gpu_ppgtt_map(gpu, pml4, GiB, GPU_LOCAL | PTE_PRESENT, LEAF_1G);
    gpu_ppgtt_map(gpu, pml4, 2 * GiB, PTE_PRESENT, LEAF_1G);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM, GiB + p.system, 0, 1,
         MI_STORE_DATA_IMM, 2 * GiB + p.system, 0, 2);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, p.local), ==, 1);
    g_assert_cmphex(gpu_peek(gpu, p.system), ==, 2);
}

static void test_ggtt(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, VECS0, 0);
    Pair p = pair(gpu, 1);

    gpu_ggtt_map(gpu, 0x400000, p.local | PTE_PRESENT);
    gpu_ggtt_map(gpu, 0x401000, p.system | PTE_PRESENT);
    gpu_poke(gpu, p.local + 8, 0x1008);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM | MI_GGTT, 0x400000, 0, 1,
         MI_STORE_DATA_IMM | MI_GGTT, 0x401000, 0, 2,
         MI_COPY_MEM_MEM | 3u << 21, 0x401008, 0, 0x400008, 0);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, p.local), ==, 1);
    g_assert_cmphex(gpu_peek(gpu, p.system), ==, 2);
    g_assert_cmphex(gpu_peek(gpu, p.system + 8), ==, 0x1008);
}

/* Copies a page from local to system memory, then overwrites the source. */
static void move_buffer(Gpu *gpu, GpuBuffer *buf, unsigned pages)
{
    uint64_t to = gpu_system_ram(gpu, pages);

    for (unsigned i = 0; i < pages * PAGE_BYTES; i += 8) {
        gpu_pokeq(gpu, to + i, gpu_peekq(gpu, buf->phys + i));
        gpu_pokeq(gpu, buf->phys + i, UINT64_MAX);
    }
    for (unsigned i = 0; i < pages; i++) {
        gpu_ggtt_map(gpu, buf->ggtt + i * PAGE_BYTES,
                     (to + i * PAGE_BYTES) | PTE_PRESENT);
    }
    buf->phys = to;
}

/* A context with its image and ring in system memory */
static void test_system_context(Gpu *gpu)
{
    Pair data = pair(gpu, 1);
    uint64_t tables = gpu_ram(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, VCS2, tables);

    move_buffer(gpu, &ctx->image, 2);
    move_buffer(gpu, &ctx->ring.buf, 1);
    gpu_ppgtt_map(gpu, tables, 0x1000, data.local | PTE_PRESENT, LEAF_4K);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM, 0x1000, 0, 0x1111);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, data.local), ==, 0x1111);
    g_assert_cmphex(gpu_peek(gpu, data.system), ==, 0);
}

/*
 * Page tables are in local memory, not at the same address of system memory.
 */
static void test_tables(Gpu *gpu)
{
    uint64_t good = gpu_ram(gpu, 1), bad = gpu_ram(gpu, 1);
    uint64_t pml4 = gpu_ram(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, RCS0, pml4);

    gpu_ppgtt_map(gpu, pml4, 0x1000, good | PTE_PRESENT, LEAF_4K);
    for (unsigned level = 0; level < 4; level++) {
        uint64_t entry = gpu_ppgtt_entry(gpu, pml4, 0x1000, level);

        gpu_pokeq(gpu, entry & ~GPU_LOCAL,
                  level ? gpu_peekq(gpu, entry)
                        : gpu_leaf(bad | PTE_PRESENT));
    }
    EMIT(&ctx->ring, MI_STORE_DATA_IMM, 0x1000, 0, 0x600d);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, good), ==, 0x600d);
    g_assert_cmphex(gpu_peek(gpu, bad), ==, 0);
}

/* An access beyond the last byte is a guest error, and does not hang. */
static void test_end(Gpu *gpu)
{
    uint64_t pml4 = gpu_ram(gpu, 1), data = gpu_ram(gpu, 1), size = 256 * MiB;
    GpuContext *ctx = gpu_context(gpu, RCS0, pml4);

    gpu_ppgtt_map(gpu, pml4, 0x1000,
                  (size - PAGE_BYTES) | GPU_LOCAL | PTE_PRESENT, LEAF_4K);
    gpu_ppgtt_map(gpu, pml4, 0x2000, size | GPU_LOCAL | PTE_PRESENT, LEAF_4K);
    gpu_ppgtt_map(gpu, pml4, 0x3000, data | PTE_PRESENT, LEAF_4K);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM, 0x1ffc, 0, 0x1111,
         MI_STORE_DATA_IMM, 0x2000, 0, 0x2222,
         MI_COPY_MEM_MEM, 0x3000, 0, 0x2000, 0);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, (size - 4) | GPU_LOCAL), ==, 0x1111);
    g_assert_cmphex(gpu_peek(gpu, data), ==, UINT32_MAX);
    gpu_expect(gpu, "guest-errors", 1);
}

/* A reset of the machine clears the GGTT, and no other local memory. */
static void test_reset(void)
{
    Gpu *gpu = start("");
    uint64_t data = gpu_ram(gpu, 1);

    gpu_ggtt_map(gpu, 0, data | PTE_PRESENT);
    gpu_poke(gpu, data, 0x1234);
    gpu_write(gpu, MSTR_TILE_INTR, MSTR_ENABLE);
    qtest_qmp_assert_success(gpu->qts, "{'execute': 'system_reset'}");
    qtest_qmp_eventwait(gpu->qts, "RESET");
    qpci_config_writel(gpu->dev, PCI_BASE_ADDRESS_0, gpu->bar0.addr);
    qpci_config_writel(gpu->dev, PCI_BASE_ADDRESS_2, gpu->bar2.addr);
    qpci_device_enable(gpu->dev);
    g_assert_cmphex(gpu_read(gpu, GU_CNTL), ==, LMEM_INIT);
    g_assert_cmphex(gpu_read(gpu, MSTR_TILE_INTR), ==, 0);
    g_assert_cmphex(qpci_io_readq(gpu->dev, gpu->bar0, 8 * MiB), ==, 0);
    g_assert_cmphex(gpu_peek(gpu, data), ==, 0x1234);
    gpu_stop(gpu);
}

/* GTTMMADR's upper half is the GSM, which is in local memory. */
static void test_gsm(Gpu *gpu)
{
    uint64_t gsm = read64(gpu, GSMBASE) | GPU_LOCAL;

    gpu_ggtt_map(gpu, 5 * PAGE_BYTES, 0x123456789000ull);
    g_assert_cmphex(gpu_peekq(gpu, gsm + 5 * 8), ==, 0x123456789000ull);
    gpu_pokeq(gpu, gsm + 6 * 8, 0x77000);
    g_assert_cmphex(qpci_io_readq(gpu->dev, gpu->bar0, 8 * MiB + 6 * 8), ==,
                    0x77000);
}

/* With a small BAR the CPU sees the first part, and engines see all. */
static void test_small_bar(void)
{
    Gpu *gpu = start(",lmem-size=512M,lmem-bar-size=256M");
    uint64_t pml4 = gpu_ram(gpu, 1), near = gpu_ram(gpu, 1);
    uint64_t far = (300 * MiB) | GPU_LOCAL, alias = far - 256 * MiB;
    GpuContext *ctx = gpu_context(gpu, RCS0, pml4);

    gpu_ppgtt_map(gpu, pml4, 0x1000, near | PTE_PRESENT, LEAF_4K);
    gpu_ppgtt_map(gpu, pml4, 0x2000, far | PTE_PRESENT, LEAF_4K);
    EMIT(&ctx->ring, MI_STORE_DATA_IMM, 0x2000, 0, 0xfa4,
         MI_COPY_MEM_MEM, 0x1000, 0, 0x2000, 0);
    gpu_run(gpu, ctx);
    g_assert_cmphex(gpu_peek(gpu, near), ==, 0xfa4);
    g_assert_cmphex(gpu_peek(gpu, alias), ==, 0);
    gpu_stop(gpu);
}

/*
 * A page moves from local memory to the same address of system memory.  The
 * engine keeps the old translation until an invalidation.
 */
static void test_tlb(Gpu *gpu)
{
    for (unsigned flush = 0; flush < 2; flush++) {
        uint64_t pml4 = gpu_ram(gpu, 1);
        GpuContext *ctx = gpu_context(gpu, BCS0, pml4);
        GpuBuffer flag = gpu_buffer(gpu, 1);
        Pair p = pair(gpu, 1);

        gpu_ppgtt_map(gpu, pml4, 0x1000, p.local | PTE_PRESENT, LEAF_4K);
        EMIT(&ctx->ring, MI_STORE_DATA_IMM, 0x1000, 0, 1,
             MI_SEMAPHORE_WAIT | MI_GGTT | SAD_EQ_SDD, 1, flag.ggtt, 0, 0,
             MI_FLUSH_DW | (flush ? FLUSH_DW_TLB_INV : 0), 0, 0, 0, 0,
             MI_STORE_DATA_IMM, 0x1000, 0, 2);
        gpu_submit(gpu, ctx, NULL);
        gpu_event(gpu, BCS0);
        GPU_WAIT(gpu, gpu_peek(gpu, p.local) == 1);
        gpu_ppgtt_map(gpu, pml4, 0x1000, p.system | PTE_PRESENT, LEAF_4K);
        gpu_poke(gpu, flag.phys, 1);
        gpu_event(gpu, BCS0);
        g_assert_cmphex(gpu_peek(gpu, p.local), ==, flush ? 1 : 2);
        g_assert_cmphex(gpu_peek(gpu, p.system), ==, flush ? 2 : 0);
    }
}

/* Stores entries of @pages into the table that is mapped at @table. */
static void emit_ptes(GpuContext *ctx, uint32_t table, uint64_t phys,
                      unsigned pages)
{
    EMIT(&ctx->ring, MI(0x20) | BIT(21) | (1 + 2 * pages), table, 0);
    for (unsigned i = 0; i < pages; i++) {
        uint64_t pte = gpu_leaf((phys + i * PAGE_BYTES) | PTE_PRESENT) |
                       PTE_WRITE;

        EMIT(&ctx->ring, pte, pte >> 32);
    }
}

/*
 * Moves pages as a driver does: the engine writes the entries of a window in
 * its PPGTT, whose page table is mapped, and then copies through the window.
 */
static void test_migrate(Gpu *gpu)
{
    enum { PAGES = 5, SRC = 0x000000, DST = 0x100000, TABLE = 0x200000 };
    static const bool to_system[] = { true, false, true };
    uint64_t pml4 = gpu_ram(gpu, 1), from = gpu_local_ram(gpu, PAGES), pt;
    GpuContext *ctx = gpu_context(gpu, BCS0, pml4);

    pt = gpu_ppgtt_entry(gpu, pml4, 0, 0) & ~0xfffull;
    gpu_ppgtt_map(gpu, pml4, TABLE, pt | PTE_PRESENT, LEAF_4K);
    for (unsigned i = 0; i < PAGES; i++) {
        gpu_poke(gpu, from + i * PAGE_BYTES + 8 * i, 0xabc0 + i);
    }
    for (unsigned k = 0; k < ARRAY_SIZE(to_system); k++) {
        uint64_t to = to_system[k] ? gpu_system_ram(gpu, PAGES)
                                   : gpu_local_ram(gpu, PAGES);

        emit_ptes(ctx, TABLE + SRC / PAGE_BYTES * 8, from, PAGES);
        emit_ptes(ctx, TABLE + DST / PAGE_BYTES * 8, to, PAGES);
        EMIT(&ctx->ring, MI_FLUSH_DW | FLUSH_DW_TLB_INV, 0, 0, 0, 0,
             k == 1 ? XY_SRC_COPY_BLT : XY_FAST_COPY_BLT,
             3 << 24 | (k == 1 ? 0xcc << 16 : 0) | PAGE_BYTES, 0,
             PAGES << 16 | PAGE_BYTES / 4, DST, 0, 0, PAGE_BYTES, SRC, 0);
        gpu_run(gpu, ctx);
        for (unsigned i = 0; i < PAGES; i++) {
            g_assert_cmphex(gpu_peek(gpu, to + i * PAGE_BYTES + 8 * i), ==,
                            0xabc0 + i);
            g_assert_cmphex(gpu_peek(gpu, to + i * PAGE_BYTES + 0x800), ==, 0);
        }
        from = to;
    }
    from = gpu_local_ram(gpu, PAGES);
    emit_ptes(ctx, TABLE + DST / PAGE_BYTES * 8, from, PAGES);
    EMIT(&ctx->ring, MI_FLUSH_DW | FLUSH_DW_TLB_INV, 0, 0, 0, 0,
         XY_COLOR_BLT, 3 << 24 | 0xf0 << 16 | PAGE_BYTES, 0,
         PAGES << 16 | PAGE_BYTES / 4, DST, 0, 0xdeadbeef);
    gpu_run(gpu, ctx);
    for (unsigned i = 0; i < PAGES * PAGE_BYTES; i += 0x7fc) {
        g_assert_cmphex(gpu_peek(gpu, from + i), ==, 0xdeadbeef);
    }
    g_assert_cmphex(gpu_peek(gpu, from + PAGES * PAGE_BYTES), ==, 0);
}

/* MSTR_TILE_INTR enables MSIs, GFX_MSTR_INTR does not. */
static void test_tile_interrupt(Gpu *gpu)
{
    GpuContext *ctx = gpu_context(gpu, VCS0, 0);
    uint64_t msi = gpu_enable_msi(gpu);

    gpu_irq_enable(gpu, INTR_USER);
    gpu_write(gpu, GFX_MSTR_INTR, UINT32_MAX);
    EMIT(&ctx->ring, MI_USER_INTERRUPT);
    gpu_run(gpu, ctx);
    gpu_settle(gpu);
    g_assert_cmphex(gpu_peek(gpu, msi), ==, 0);
    g_assert_cmphex(gpu_read(gpu, MSTR_TILE_INTR), ==, BIT(0));
    gpu_write(gpu, MSTR_TILE_INTR, MSTR_ENABLE);
    GPU_WAIT(gpu, gpu_peek(gpu, msi) == GPU_MSI_DATA);

    /* The driver disables MSIs and acknowledges both levels. */
    gpu_write(gpu, MSTR_TILE_INTR, 0);
    g_assert_cmphex(gpu_read(gpu, MSTR_TILE_INTR), ==, BIT(0));
    gpu_write(gpu, MSTR_TILE_INTR, BIT(0));
    g_assert_cmphex(gpu_read(gpu, GFX_MSTR_INTR) & ~MSTR_ENABLE, ==, BIT(1));
    gpu_write(gpu, GFX_MSTR_INTR, BIT(1));
    gpu_write(gpu, IIR_SELECTOR(1), BIT(0));
    g_assert_cmphex(gpu_read(gpu, INTR_IDENTITY(1)), ==,
                    IDENTITY_VALID | 1 << 16 | INTR_USER);
    gpu_write(gpu, INTR_IDENTITY(1), IDENTITY_VALID);
    gpu_write(gpu, GT_INTR_DW(1), BIT(0));
    g_assert_cmphex(gpu_read(gpu, MSTR_TILE_INTR), ==, 0);
    gpu_poke(gpu, msi, 0);
    gpu_write(gpu, MSTR_TILE_INTR, MSTR_ENABLE);
    gpu_settle(gpu);
    g_assert_cmphex(gpu_peek(gpu, msi), ==, 0);
}

void gpu_add_local_tests(void)
{
    qtest_add_func("intel-gen12/dg1/pci", test_pci);
    qtest_add_func("intel-gen12/dg1/layout", test_layout);
    qtest_add_func("intel-gen12/dg1/registers", test_registers);
    qtest_add_func("intel-gen12/dg1/pcode", test_pcode);
    qtest_add_func("intel-gen12/dg1/sizes", test_sizes);
    qtest_add_func("intel-gen12/dg1/reset", test_reset);
    qtest_add_func("intel-gen12/dg1/small-bar", test_small_bar);
    qtest_add_func("intel-gen12/dg1/not-tiger-lake", test_tiger_lake);
    gpu_add_dg1_test("dg1/leaves", test_leaves);
    gpu_add_dg1_test("dg1/leaf-1g", test_leaf_1g);
    gpu_add_dg1_test("dg1/ggtt", test_ggtt);
    gpu_add_dg1_test("dg1/system-context", test_system_context);
    gpu_add_dg1_test("dg1/tables", test_tables);
    gpu_add_dg1_test("dg1/end", test_end);
    gpu_add_dg1_test("dg1/gsm", test_gsm);
    gpu_add_dg1_test("dg1/tlb", test_tlb);
    gpu_add_dg1_test("dg1/migrate", test_migrate);
    gpu_add_dg1_test("dg1/tile-interrupt", test_tile_interrupt);
}
