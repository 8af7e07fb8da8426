/*
 * QTest of the Intel Gen12 GPU: PCI, registers, aperture, properties
 *
 * The tests of engines are in intel-gen12-submit.c (submission, interrupts,
 * resets), intel-gen12-memory.c (translation, faults, TLBs) and
 * intel-gen12-commands.c.  All use intel-gen12-gpu.h.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "hw/pci/pci_regs.h"
#include "qapi/qmp/qdict.h"
#include "intel-gen12-gpu.h"

static void test_pci(void)
{
    Gpu *gpu = gpu_start(true, "");
    QPCIDevice *dev = gpu->dev;
    uint64_t size;
    uint8_t cap;

    g_assert_cmphex(qpci_config_readw(dev, PCI_VENDOR_ID), ==, 0x8086);
    g_assert_cmphex(qpci_config_readw(dev, PCI_DEVICE_ID), ==, 0x9a49);
    g_assert_cmphex(qpci_config_readb(dev, PCI_REVISION_ID), ==, 3);
    g_assert_cmphex(qpci_config_readl(dev, PCI_CLASS_REVISION) >> 8, ==,
                    0x030000);
    g_assert_cmphex(qpci_config_readb(dev, PCI_HEADER_TYPE), ==, 0);

    /* GTTMMADR: 64 bits; GMADR: 64 bits and prefetchable; no other BAR */
    g_assert_cmphex(qpci_config_readl(dev, PCI_BASE_ADDRESS_0) & 0xf, ==, 0x4);
    g_assert_cmphex(qpci_config_readl(dev, PCI_BASE_ADDRESS_2) & 0xf, ==, 0xc);
    qpci_iomap(dev, 0, &size);
    g_assert_cmphex(size, ==, 16 * MiB);
    qpci_config_writel(dev, PCI_BASE_ADDRESS_2, UINT32_MAX);
    g_assert_cmphex(qpci_config_readl(dev, PCI_BASE_ADDRESS_2), ==,
                    (uint32_t)-(256 * MiB) | 0xc);
    for (unsigned reg = PCI_BASE_ADDRESS_4; reg <= PCI_BASE_ADDRESS_5;
         reg += 4) {
        qpci_config_writel(dev, reg, UINT32_MAX);
        g_assert_cmphex(qpci_config_readl(dev, reg), ==, 0);
    }

    /* GGC: a GGTT of 8 MiB, no stolen memory; BDSM */
    g_assert_cmphex(qpci_config_readw(dev, 0x50), ==, 0x00c0);
    g_assert_cmphex(qpci_config_readl(dev, 0xc0), ==, 0);
    g_assert_cmphex(qpci_config_readl(dev, 0xc4), ==, 0);

    cap = qpci_find_capability(dev, PCI_CAP_ID_MSI, 0);
    g_assert_cmphex(cap, !=, 0);
    g_assert_cmphex(qpci_config_readw(dev, cap + PCI_MSI_FLAGS) &
                    PCI_MSI_FLAGS_QMASK, ==, 0);
    gpu_stop(gpu);
}

/* Values after a reset */
static const struct {
    uint32_t reg, value;
    bool read_only;
} fixed_regs[] = {
    { 0x000d00, 0x0000000e, true },     /* RPM_CONFIG0: 19.2 MHz, shift 3 */
    { 0x00a26c, 0x00000000 },           /* CTC_MODE */
    { 0x009118, 0x00000000, true },     /* MIRROR_FUSE3 */
    { 0x009134, 0x00000000, true },     /* MIRROR_EU_DISABLE */
    { 0x009138, 0x00000001, true },     /* MIRROR_GT_SLICE_EN */
    { 0x00913c, 0x0000003f, true },     /* MIRROR_GT_DSS_ENABLE */
    { 0x009140, 0x00000000, true },     /* ..._VDBOX_VEBOX_DISABLE */
    { 0x042000, 0x8fc00000, true },     /* FUSE_STATUS */
    { 0x051000, 0x5ae00080, true },     /* DFSM: all pipes fused off */
    { 0x00c000, 0x00000001, true },     /* GUC_STATUS: in reset */
    { 0x145998, 0x0002081a, true },     /* RP_STATE_CAP: 1300, 400, 100 MHz */
    { 0x145ef0, 0x00000700, true },     /* FREQ_INFO: efficient, 350 MHz */
    { 0x145994, 0x000000ff, true },     /* RP_STATE_LIMITS: none */
    { 0x145948, 0x00000000, true },     /* GT_PERF_STATUS */
    { 0x120010, 0x00000000, true },     /* EDRAM_CAP */
    { 0x00804c, 0x00001555, true },     /* SLICE0_PGCTL_ACK: six subslices */
    { 0x00805c, 0x00005555, true },     /* SS01_EU_PGCTL_ACK, SS23 */
    { 0x008060, 0x00005555, true },
    { 0x008000, 0x00000000, true },     /* MSG_IDLE_CS */
    { 0x008004, 0x00000000, true },
    { 0x00800c, 0x00000000, true },
    { 0x008010, 0x00000000, true },
    { 0x0080c0, 0x00000000, true },
    { 0x00ceb8, 0x00000000, true },     /* FAULT_TLB_DATA0 */
    { 0x00cebc, 0x00000000, true },
    { 0x00cec4, 0x00000000 },           /* RING_FAULT_REG */
    { 0x0043f4, 0x00000000, true },     /* AUX_ERR_DBG */
    { 0x00941c, 0x00000000 },           /* GDRST */
    { 0x138124, 0x00000000 },           /* PCODE_MAILBOX */
    { 0x138060, 0x00000000, true },     /* GT_CORE_STATUS: RC0 */
    { 0x138104, 0x00000000, true },     /* GT_GFX_RC6_LOCKED, RC6p, RC6pp */
    { 0x13810c, 0x00000000, true },
    { 0x138110, 0x00000000, true },
    { 0x00a2a0, 0x00000003, true },     /* PWRGT_DOMAIN_STATUS: all up */
    { 0x00a008, 0x00000000 },           /* RPNSWREQ */
    { 0x00a01c, 0x00000000, true },     /* RPSTAT1 */
    { 0x0444e4, 0xffffffff },           /* PCU_IMR */
    { 0x0444e8, 0x00000000 },           /* PCU_IIR */
    { 0x0444f8, 0x00000000 },           /* GU_MISC_IIR */
    { 0x0c4008, 0x00000000 },           /* SDE_IIR */
    { 0x190010, 0x00000000 },           /* GFX_MSTR_INTR */
    { 0x190018, 0x00000000 },           /* GT_INTR_DW0 */
    { 0x19001c, 0x00000000 },
    { 0x190030, 0x00000000 },           /* RENDER_COPY_INTR_ENABLE */
    { 0x190090, 0xffffffff },           /* RCS0_RSVD_INTR_MASK */
    { 0x100000, 0x00000000 },           /* FENCE_REG_LSB */
};

/* The same of each engine */
static const struct {
    uint32_t reg, value;
    bool read_only;
} fixed_ring_regs[] = {
    { RING_HEAD, 0 }, { RING_TAIL, 0 }, { RING_START, 0 }, { RING_CTL, 0 },
    { RING_EIR, 0 }, { RING_ESR, 0, true }, { RING_EMR, UINT32_MAX },
    { RING_MI_MODE, MODE_IDLE }, { RING_RESET_CTL, 0 },
    { RING_EXECLIST_STATUS, 0, true }, { RING_EXECLIST_STATUS + 4, 0, true },
    { RING_ACTHD, 0, true }, { RING_IPEHR, 0, true }, { RING_CSB_PTR, 0 },
    { 0x06c, UINT32_MAX, true },        /* INSTDONE */
    { 0x0a8, UINT32_MAX },              /* IMR */
};

static void check_fixed(Gpu *gpu)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fixed_regs); i++) {
        if (gpu_read(gpu, fixed_regs[i].reg) != fixed_regs[i].value) {
            g_test_message("register 0x%06x", fixed_regs[i].reg);
        }
        g_assert_cmphex(gpu_read(gpu, fixed_regs[i].reg), ==,
                        fixed_regs[i].value);
    }
    for (GpuEngineId id = 0; id < GPU_ENGINES; id++) {
        for (unsigned i = 0; i < ARRAY_SIZE(fixed_ring_regs); i++) {
            g_assert_cmphex(gpu_ring_read(gpu, id, fixed_ring_regs[i].reg),
                            ==, fixed_ring_regs[i].value);
        }
    }
}

static void test_reset_values(void)
{
    Gpu *gpu = gpu_start(true, "");

    check_fixed(gpu);
    gpu_stop(gpu);
}

/* A reset of the machine restores these values, and clears the GGTT. */
static void test_system_reset(void)
{
    Gpu *gpu = gpu_start(true, "");

    gpu_ring_write(gpu, RCS0, RING_START, 0x12345000);
    gpu_ring_write(gpu, RCS0, RING_MI_MODE, STOP_RING << 16 | STOP_RING);
    gpu_write(gpu, 0x444e4, 0);
    gpu_write(gpu, 0x190090, 0);
    gpu_write(gpu, 0x100000, 1);
    gpu_ggtt_map(gpu, 0, 0x1000 | PTE_PRESENT);
    qtest_qmp_assert_success(gpu->qts, "{'execute': 'system_reset'}");
    qtest_qmp_eventwait(gpu->qts, "RESET");
    qpci_config_writel(gpu->dev, PCI_BASE_ADDRESS_0, gpu->bar0.addr);
    qpci_device_enable(gpu->dev);
    check_fixed(gpu);
    g_assert_cmphex(qpci_io_readq(gpu->dev, gpu->bar0, 8 * MiB), ==, 0);
    gpu_stop(gpu);
}

static void test_read_only(void)
{
    Gpu *gpu = gpu_start(true, "");
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(fixed_regs); i++) {
        if (fixed_regs[i].read_only) {
            gpu_write(gpu, fixed_regs[i].reg, ~fixed_regs[i].value);
            g_assert_cmphex(gpu_read(gpu, fixed_regs[i].reg), ==,
                            fixed_regs[i].value);
            n++;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(fixed_ring_regs); i++) {
        if (fixed_ring_regs[i].read_only) {
            gpu_ring_write(gpu, VCS0, fixed_ring_regs[i].reg,
                           ~fixed_ring_regs[i].value);
            g_assert_cmphex(gpu_ring_read(gpu, VCS0, fixed_ring_regs[i].reg),
                            ==, fixed_ring_regs[i].value);
            n++;
        }
    }
    gpu_expect(gpu, "readonly-writes", n);
    gpu_stop(gpu);
}

/* The upper half of a write selects bits of the lower half. */
static void test_masked(void)
{
    static const uint32_t global[] = {
        0x7000, 0x7004, 0x7010, 0x7014, 0x7018, 0x7300, 0x7304, 0x731c,
        0xb01c, 0xe100, 0xe194, 0xe48c, 0xe4f0, 0xe4f4, 0x83a4, 0x83a8,
        0x320f0,
    };
    static const uint32_t ring[] = { 0x050, 0x0c0, 0x0d4, 0x0ec, 0x29c };
    Gpu *gpu = gpu_start(true, "");
    g_autoptr(GArray) regs = g_array_new(false, false, sizeof(uint32_t));

    g_array_append_vals(regs, global, ARRAY_SIZE(global));
    for (unsigned i = 0; i < ARRAY_SIZE(ring) * GPU_ENGINES; i++) {
        uint32_t reg = gpu_engines[i % GPU_ENGINES].base +
                       ring[i / GPU_ENGINES];

        g_array_append_val(regs, reg);
    }
    for (unsigned i = 0; i < regs->len; i++) {
        uint32_t reg = g_array_index(regs, uint32_t, i);

        gpu_write(gpu, reg, 0x00ff00f5);
        g_assert_cmphex(gpu_read(gpu, reg), ==, 0x00f5);
        gpu_write(gpu, reg, 0x0000ffff);
        g_assert_cmphex(gpu_read(gpu, reg), ==, 0x00f5);
        gpu_write(gpu, reg, 0x01010100);
        g_assert_cmphex(gpu_read(gpu, reg), ==, 0x01f4);
    }
    gpu_stop(gpu);
}

/* Each domain's acknowledge register follows the bits of its request. */
static void test_forcewake(void)
{
    static const struct { uint32_t request, ack; } domains[] = {
        { 0xa278, 0x0d84 },             /* render */
        { 0xa188, 0x130044 },           /* GT */
        { 0xa540, 0x0d50 },             /* VDBOX 0 */
        { 0xa548, 0x0d58 },             /* VDBOX 2 */
        { 0xa560, 0x0d70 },             /* VEBOX 0 */
    };
    Gpu *gpu = gpu_start(true, "");

    for (unsigned i = 0; i < ARRAY_SIZE(domains); i++) {
        uint32_t request = domains[i].request, ack = domains[i].ack;

        gpu_write(gpu, request, 0xefff0000);
        g_assert_cmphex(gpu_read(gpu, ack), ==, 0);
        gpu_write(gpu, request, 0x00010001);
        g_assert_cmphex(gpu_read(gpu, ack), ==, 0x0001);
        gpu_write(gpu, request, 0x80008000);
        g_assert_cmphex(gpu_read(gpu, ack), ==, 0x8001);
        gpu_write(gpu, request, 0x00010000);
        g_assert_cmphex(gpu_read(gpu, ack), ==, 0x8000);
        for (unsigned k = 0; k < ARRAY_SIZE(domains); k++) {
            if (k != i) {
                g_assert_cmphex(gpu_read(gpu, domains[k].ack), ==, 0);
            }
        }
        gpu_write(gpu, request, 0x80000000);
        g_assert_cmphex(gpu_read(gpu, ack), ==, 0);
    }
    gpu_stop(gpu);
}

static void test_unknown(void)
{
    Gpu *gpu = gpu_start(true, "");

    g_assert_cmphex(gpu_read(gpu, 0x7ffff0), ==, 0);
    g_assert_cmpuint(gpu_counter(gpu, "unknown-reads"), ==, 1);
    g_assert_cmpuint(gpu_counter(gpu, "unknown-writes"), ==, 0);
    gpu_write(gpu, 0x7ffff0, UINT32_MAX);
    g_assert_cmpuint(gpu_counter(gpu, "unknown-writes"), ==, 1);
    g_assert_cmphex(gpu_read(gpu, 0x7ffff0), ==, 0);
    gpu_expect(gpu, "unknown-reads", 2);
    gpu_expect(gpu, "unknown-writes", 1);
    gpu_stop(gpu);
}

/* Registers have 4 bytes; accesses of 1, 2 and 8 bytes work, too. */
static void test_access_sizes(void)
{
    Gpu *gpu = gpu_start(true, "");
    QPCIDevice *dev = gpu->dev;

    g_assert_cmphex(qpci_io_readb(dev, gpu->bar0, 0x42003), ==, 0x8f);
    g_assert_cmphex(qpci_io_readw(dev, gpu->bar0, 0x42002), ==, 0x8fc0);
    g_assert_cmphex(qpci_io_readq(dev, gpu->bar0, 0x9138), ==,
                    0x0000003f00000001ull);
    gpu_write(gpu, 0x444e4, 0x11223344);
    qpci_io_writeb(dev, gpu->bar0, 0x444e6, 0x55);
    g_assert_cmphex(gpu_read(gpu, 0x444e4), ==, 0x11553344);
    qpci_io_writew(dev, gpu->bar0, 0x444e4, 0x6677);
    g_assert_cmphex(gpu_read(gpu, 0x444e4), ==, 0x11556677);
    qpci_io_writeq(dev, gpu->bar0, 0x100000, 0x0000500000004003ull);
    g_assert_cmphex(gpu_read(gpu, 0x100000), ==, 0x4003);
    g_assert_cmphex(gpu_read(gpu, 0x100004), ==, 0x5000);
    gpu_stop(gpu);
}

static void pcode(Gpu *gpu, uint32_t command, uint32_t data)
{
    gpu_write(gpu, 0x138128, data);
    gpu_write(gpu, 0x13812c, 0);
    gpu_write(gpu, 0x138124, BIT(31) | command);
    g_assert_cmphex(gpu_read(gpu, 0x138124) & BIT(31), ==, 0);
}

static void test_pcode(void)
{
    Gpu *gpu = gpu_start(true, "");

    pcode(gpu, 0x08, 0x2a << 8 | 0x07);         /* WRITE_MIN_FREQ_TABLE */
    pcode(gpu, 0x08, 0x1b << 8 | 0x06);
    pcode(gpu, 0x09, 0x07);                     /* READ_MIN_FREQ_TABLE */
    g_assert_cmphex(gpu_read(gpu, 0x138124) & 0xff, ==, 0);
    g_assert_cmphex(gpu_read(gpu, 0x138128), ==, 0x2a);
    pcode(gpu, 0x09, 0x06);
    g_assert_cmphex(gpu_read(gpu, 0x138128), ==, 0x1b);
    pcode(gpu, 0xff, 0);
    g_assert_cmphex(gpu_read(gpu, 0x138124) & 0xff, ==, 1); /* illegal */
    gpu_stop(gpu);
}

/* Is the GT in RC6, with its power wells down? */
static bool in_rc6(Gpu *gpu)
{
    bool rc6 = gpu_read(gpu, 0x138060) == 3;

    g_assert_cmphex(gpu_read(gpu, 0xa2a0), ==, rc6 ? 0 : 3);
    return rc6;
}

/* RC6 counts, in units of 1.28 us, while it is enabled and no engine runs. */
static void test_rc6(void)
{
    Gpu *gpu = gpu_start(true, "");
    GpuBuffer data = gpu_buffer(gpu, 1);
    GpuContext *ctx = gpu_context(gpu, VECS0, 0);
    uint32_t before;

    qtest_clock_step(gpu->qts, 1000 * 1000);
    g_assert_cmphex(gpu_read(gpu, 0x138108), ==, 0);
    g_assert_false(in_rc6(gpu));
    gpu_write(gpu, 0xa090, BIT(31) | BIT(18));
    g_assert_true(in_rc6(gpu));
    before = gpu_read(gpu, 0x138108);
    qtest_clock_step(gpu->qts, 1280 * 1000);
    g_assert_cmpuint(gpu_read(gpu, 0x138108) - before, ==, 1000);

    EMIT(&ctx->ring, MI_SEMAPHORE_WAIT | MI_GGTT | SAD_EQ_SDD, 1, data.ggtt,
         0, 0);
    gpu_submit(gpu, ctx, NULL);
    gpu_event(gpu, VECS0);
    g_assert_false(in_rc6(gpu));
    before = gpu_read(gpu, 0x138108);
    qtest_clock_step(gpu->qts, 1280 * 1000);
    g_assert_cmpuint(gpu_read(gpu, 0x138108), ==, before);
    gpu_poke(gpu, data.phys, 1);
    gpu_event(gpu, VECS0);
    before = gpu_read(gpu, 0x138108);
    qtest_clock_step(gpu->qts, 1280 * 1000);
    g_assert_cmpuint(gpu_read(gpu, 0x138108) - before, ==, 1000);

    gpu_write(gpu, 0xa090, 0);
    before = gpu_read(gpu, 0x138108);
    qtest_clock_step(gpu->qts, 1280 * 1000);
    g_assert_cmpuint(gpu_read(gpu, 0x138108), ==, before);
    gpu_stop(gpu);
}

/* A request for a frequency is granted. */
static void test_frequency(void)
{
    Gpu *gpu = gpu_start(true, "");

    gpu_write(gpu, 0xa008, 24u << 23 | 0x1234);
    g_assert_cmphex(gpu_read(gpu, 0xa01c) & 0xff800000, ==, 24u << 23);
    gpu_write(gpu, 0xa008, 6u << 23);
    g_assert_cmphex(gpu_read(gpu, 0xa01c) & 0xff800000, ==, 6u << 23);
    gpu_stop(gpu);
}

static uint32_t aperture_read(Gpu *gpu, uint32_t addr)
{
    return qpci_io_readl(gpu->dev, gpu->bar2, addr);
}

/*
 * GMADR shows the memory that the GGTT maps.  Without an entry an access is a
 * guest error.
 */
static void test_aperture(void)
{
    Gpu *gpu = gpu_start(true, "");
    GpuBuffer buf = gpu_buffer(gpu, 1);

    qpci_io_writel(gpu->dev, gpu->bar2, buf.ggtt + 0x10, 0x12345678);
    g_assert_cmphex(gpu_peek(gpu, buf.phys + 0x10), ==, 0x12345678);
    gpu_poke(gpu, buf.phys + 0x20, 0x9abcdef0);
    g_assert_cmphex(aperture_read(gpu, buf.ggtt + 0x20), ==, 0x9abcdef0);
    gpu_ggtt_map(gpu, buf.ggtt, 0);
    g_assert_cmphex(aperture_read(gpu, buf.ggtt + 0x20), ==, UINT32_MAX);
    qpci_io_writel(gpu->dev, gpu->bar2, buf.ggtt + 0x10, 1);
    g_assert_cmphex(gpu_peek(gpu, buf.phys + 0x10), ==, 0x12345678);
    gpu_expect(gpu, "guest-errors", 2);
    gpu_stop(gpu);
}

/* A GGTT entry that points at the aperture itself is not followed. */
static void test_aperture_self(void)
{
    Gpu *gpu = gpu_start(true, "");

    gpu_ggtt_map(gpu, 0, gpu->bar2.addr | PTE_PRESENT);
    g_assert_cmphex(aperture_read(gpu, 0), ==, UINT32_MAX);
    qpci_io_writel(gpu->dev, gpu->bar2, 0, 1);
    gpu_expect(gpu, "guest-errors", 2);
    gpu_stop(gpu);
}

/*
 * A fence over two rows of tiles, 1024 bytes wide.  X tile: 512 bytes x 8
 * rows.  Y tile: 128 bytes x 32 rows, in columns of 16 bytes.
 */
static void test_fence(void)
{
    static const struct { bool y_tiled; uint32_t x, y, offset; } rows[] = {
        { false, 4, 0, 4 }, { false, 508, 7, 7 * 512 + 508 },
        { false, 512, 0, 4096 }, { false, 0, 8, 2 * 4096 },
        { false, 516, 9, 3 * 4096 + 512 + 4 },
        { true, 12, 0, 12 }, { true, 16, 0, 512 }, { true, 0, 1, 16 },
        { true, 128, 0, 4096 }, { true, 0, 32, 8 * 4096 },
        { true, 148, 33, 9 * 4096 + 512 + 16 + 4 },
    };
    Gpu *gpu = gpu_start(true, "");
    GpuBuffer buf = gpu_buffer(gpu, 16);

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t linear = rows[i].y * 1024 + rows[i].x;

        gpu_write(gpu, 0x100000 + 8 * 3 + 4,
                  (buf.ggtt + 15 * PAGE_BYTES) | (1024 / 128 - 1));
        gpu_write(gpu, 0x100000 + 8 * 3,
                  buf.ggtt | (rows[i].y_tiled ? 2 : 0) | 1);
        gpu_poke(gpu, buf.phys + rows[i].offset, 0xf0 + i);
        g_assert_cmphex(aperture_read(gpu, buf.ggtt + linear), ==, 0xf0 + i);
        gpu_write(gpu, 0x100000 + 8 * 3, 0);
        g_assert_cmphex(aperture_read(gpu, buf.ggtt + rows[i].offset), ==,
                        0xf0 + i);
        gpu_poke(gpu, buf.phys + rows[i].offset, 0);
    }
    gpu_stop(gpu);
}

/* report=FILE: QEMU writes the counters when it ends. */
static void test_report(void)
{
    g_autofree char *path = NULL, *text = NULL;
    g_autofree char *options = NULL;
    int fd = g_file_open_tmp("intel-gen12-XXXXXX", &path, NULL);
    Gpu *gpu;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    options = g_strdup_printf(",report=%s", path);
    gpu = gpu_start(false, options);
    gpu_read(gpu, 0x7ffff0);
    gpu_read(gpu, 0x7ffff4);
    gpu_write(gpu, 0x7ffff4, 0);
    gpu_expect(gpu, "unknown-reads", 2);
    gpu_expect(gpu, "unknown-writes", 1);
    gpu_stop(gpu);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "unknown-reads 2\n"));
    g_assert_nonnull(strstr(text, "unknown-writes 1\n"));
    g_assert_nonnull(strstr(text, "unknown-commands 0\n"));
    g_assert_nonnull(strstr(text, "faults 0\n"));
    g_unlink(path);
}

/* -d guest_errors logs each guest error that is counted. */
static void test_guest_error_log(void)
{
    g_autofree char *path = NULL, *text = NULL;
    g_autofree char *options = NULL;
    int fd = g_file_open_tmp("intel-gen12-XXXXXX", &path, NULL);
    Gpu *gpu;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    options = g_strdup_printf(" -d guest_errors -D %s", path);
    gpu = gpu_start(false, options);
    g_assert_cmphex(aperture_read(gpu, 0x123000), ==, UINT32_MAX);
    gpu_expect(gpu, "guest-errors", 1);
    gpu_stop(gpu);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==,
                    "intel-gen12: aperture: read of no memory: 0x123000\n");
    g_unlink(path);
}

/* QEMU refuses to migrate a machine with the device, and names the device. */
static void check_unmigratable(const GpuPlatform *platform)
{
    Gpu *gpu = gpu_start_platform(platform, false, "");
    QDict *reply = qtest_qmp(gpu->qts, "{'execute': 'migrate', 'arguments': "
                             "{'uri': 'exec:cat >/dev/null'}}");
    const char *why;

    g_assert_true(qdict_haskey(reply, "error"));
    why = qdict_get_str(qdict_get_qdict(reply, "error"), "desc");
    g_assert_nonnull(strstr(why, "non-migratable"));
    g_assert_nonnull(strstr(why, "intel-gen12"));
    qobject_unref(reply);
    gpu_stop(gpu);
}

static void test_unmigratable(void)
{
    check_unmigratable(&gpu_tiger_lake);
    check_unmigratable(&gpu_dg1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("intel-gen12/pci", test_pci);
    qtest_add_func("intel-gen12/reg/reset-values", test_reset_values);
    qtest_add_func("intel-gen12/reg/system-reset", test_system_reset);
    qtest_add_func("intel-gen12/reg/read-only", test_read_only);
    qtest_add_func("intel-gen12/reg/masked", test_masked);
    qtest_add_func("intel-gen12/reg/unknown", test_unknown);
    qtest_add_func("intel-gen12/reg/access-sizes", test_access_sizes);
    qtest_add_func("intel-gen12/gt/forcewake", test_forcewake);
    qtest_add_func("intel-gen12/gt/pcode", test_pcode);
    qtest_add_func("intel-gen12/gt/rc6", test_rc6);
    qtest_add_func("intel-gen12/gt/frequency", test_frequency);
    qtest_add_func("intel-gen12/aperture/ggtt", test_aperture);
    qtest_add_func("intel-gen12/aperture/self", test_aperture_self);
    qtest_add_func("intel-gen12/aperture/fence", test_fence);
    qtest_add_func("intel-gen12/report", test_report);
    qtest_add_func("intel-gen12/guest-error-log", test_guest_error_log);
    qtest_add_func("intel-gen12/unmigratable", test_unmigratable);
    gpu_add_submission_tests();
    gpu_add_memory_tests();
    gpu_add_command_tests();
    gpu_add_local_tests();
    return g_test_run();
}
