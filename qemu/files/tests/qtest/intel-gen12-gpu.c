/*
 * QTest of the Intel Gen12 GPU: a minimal driver
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "hw/pci/pci_regs.h"
#include "libqos/pci-pc.h"
#include "qapi/qmp/qdict.h"
#include "intel-gen12-gpu.h"

#define GSM_OFFSET      (8 * MiB)
#define RAM_START       (16 * MiB)
#define RAM_END         (128 * MiB)
#define GGTT_START      (1 * MiB)
#define HWSP_CSB        0x040
#define HWSP_CSB_PTR    0x0bc
#define CSB_ENTRIES     12
#define CSB_IDLE        (0x7ffu << 15)
#define RING_PAGES      1
#define FIRMWARE_BYTES  (64 * KiB)

/* Volume 2c; i915: intel_engine_cs.c and intel_engine_regs.h */
const GpuEngine gpu_engines[GPU_ENGINES] = {
    [RCS0]  = { "rcs0",  0x002000, 0, 0, 0,  0, BIT(1),  0xced8, BIT(0), 0 },
    [BCS0]  = { "bcs0",  0x022000, 3, 0, 0, 15, BIT(2),  0xcee4, BIT(0), 4 },
    [VCS0]  = { "vcs0",  0x1c0000, 1, 0, 1,  0, BIT(5),  0xcedc, BIT(0), 1 },
    [VCS2]  = { "vcs2",  0x1d0000, 1, 2, 1,  2, BIT(7),  0xcedc, BIT(2), 2 },
    [VECS0] = { "vecs0", 0x1c8000, 2, 0, 1, 31, BIT(13), 0xcee0, BIT(0), 3 },
};

/* Counters that must be 0, unless the test expects another value */
static const char *const bad_counters[] = {
    "unknown-reads", "unknown-writes", "unknown-commands",
    "unsupported-commands", "guest-errors", "readonly-writes",
    "privilege-errors", "faults", "resets", "engine-resets",
};

const GpuPlatform gpu_tiger_lake = {
    .device = "intel-gen12", .options = "", .irq_master = GFX_MSTR_INTR,
};

const GpuPlatform gpu_dg1 = {
    .device = "intel-gen12-dg1", .options = ",lmem-size=256M",
    .irq_master = MSTR_TILE_INTR, .local = true,
};

/* The CPU executes nothing, so that any file will do as firmware. */
char *gpu_firmware(void)
{
    g_autofree char *zeros = g_malloc0(FIRMWARE_BYTES);
    char *path = NULL;
    int fd = g_file_open_tmp("intel-gen12-bios-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, zeros, FIRMWARE_BYTES), ==, FIRMWARE_BYTES);
    close(fd);
    return path;
}

static QTestState *start_machine(const GpuPlatform *platform,
                                 bool deterministic, const char *options)
{
    g_autofree char *bios = gpu_firmware();
    QTestState *qts;

    qts = qtest_initf("-machine q35 -nodefaults -vga none -bios %s "
                      "-global apic-common.vapic=off "
                      "-device %s,id=gpu,addr=02.0,"
                      "deterministic=%s%s%s",
                      bios, platform->device, deterministic ? "on" : "off",
                      platform->options, options);
    unlink(bios);
    return qts;
}

Gpu *gpu_start_platform(const GpuPlatform *platform, bool deterministic,
                        const char *options)
{
    Gpu *gpu = g_new0(Gpu, 1);

    gpu->platform = platform;
    gpu->qts = start_machine(platform, deterministic, options);
    gpu->bus = qpci_new_pc(gpu->qts, NULL);
    gpu->dev = qpci_device_find(gpu->bus, QPCI_DEVFN(2, 0));
    g_assert_nonnull(gpu->dev);
    gpu->bar2 = qpci_iomap(gpu->dev, 2, NULL);
    gpu->bar0 = qpci_iomap(gpu->dev, 0, NULL);
    qpci_device_enable(gpu->dev);
    gpu->deterministic = deterministic;
    gpu->next_phys = RAM_START;
    gpu->next_local = RAM_START;
    gpu->next_ggtt = GGTT_START;
    gpu->expected = g_hash_table_new(g_str_hash, g_str_equal);
    gpu->contexts = g_ptr_array_new_with_free_func(g_free);
    return gpu;
}

Gpu *gpu_start(bool deterministic, const char *options)
{
    return gpu_start_platform(&gpu_tiger_lake, deterministic, options);
}

void gpu_stop(Gpu *gpu)
{
    for (unsigned i = 0; i < ARRAY_SIZE(bad_counters); i++) {
        const char *name = bad_counters[i];
        uint64_t value = gpu_counter(gpu, name);
        uint64_t expected =
            GPOINTER_TO_UINT(g_hash_table_lookup(gpu->expected, name));

        if (value != expected) {
            g_test_message("counter %s", name);
        }
        g_assert_cmpuint(value, ==, expected);
    }
    g_hash_table_destroy(gpu->expected);
    g_ptr_array_free(gpu->contexts, true);
    g_free(gpu->dev);
    qpci_free_pc(gpu->bus);
    qtest_quit(gpu->qts);
    g_free(gpu);
}

void gpu_expect(Gpu *gpu, const char *counter, uint64_t value)
{
    g_hash_table_insert(gpu->expected, (void *)counter,
                        GUINT_TO_POINTER(value));
}

uint64_t gpu_counter(Gpu *gpu, const char *name)
{
    QDict *reply = qtest_qmp(gpu->qts, "{'execute': 'qom-get', 'arguments': "
                             "{'path': '/machine/peripheral/gpu', "
                             "'property': %s}}", name);
    uint64_t value;

    g_assert(qdict_haskey(reply, "return"));
    value = qdict_get_int(reply, "return");
    qobject_unref(reply);
    return value;
}

uint32_t gpu_read(Gpu *gpu, uint32_t reg)
{
    return qpci_io_readl(gpu->dev, gpu->bar0, reg);
}

void gpu_write(Gpu *gpu, uint32_t reg, uint32_t value)
{
    qpci_io_writel(gpu->dev, gpu->bar0, reg, value);
}

uint32_t gpu_ring_read(Gpu *gpu, GpuEngineId id, uint32_t reg)
{
    return gpu_read(gpu, gpu_engines[id].base + reg);
}

void gpu_ring_write(Gpu *gpu, GpuEngineId id, uint32_t reg, uint32_t value)
{
    gpu_write(gpu, gpu_engines[id].base + reg, value);
}

/* The address of @phys for the CPU */
static uint64_t cpu_addr(Gpu *gpu, uint64_t phys)
{
    return phys & GPU_LOCAL ? gpu->bar2.addr + (phys & ~GPU_LOCAL) : phys;
}

uint32_t gpu_peek(Gpu *gpu, uint64_t phys)
{
    return qtest_readl(gpu->qts, cpu_addr(gpu, phys));
}

void gpu_poke(Gpu *gpu, uint64_t phys, uint32_t value)
{
    qtest_writel(gpu->qts, cpu_addr(gpu, phys), value);
}

uint64_t gpu_peekq(Gpu *gpu, uint64_t phys)
{
    return qtest_readq(gpu->qts, cpu_addr(gpu, phys));
}

void gpu_pokeq(Gpu *gpu, uint64_t phys, uint64_t value)
{
    qtest_writeq(gpu->qts, cpu_addr(gpu, phys), value);
}

/* No page is handed out twice, so that each is still zero. */
static uint64_t take_pages(uint64_t *next, unsigned pages)
{
    uint64_t phys = ROUND_UP(*next, is_power_of_2(pages) ? pages * PAGE_BYTES
                                                         : PAGE_BYTES);

    *next = phys + pages * PAGE_BYTES;
    g_assert_cmphex(*next, <=, RAM_END);
    return phys;
}

uint64_t gpu_system_ram(Gpu *gpu, unsigned pages)
{
    return take_pages(&gpu->next_phys, pages);
}

uint64_t gpu_local_ram(Gpu *gpu, unsigned pages)
{
    return take_pages(&gpu->next_local, pages) | GPU_LOCAL;
}

uint64_t gpu_ram(Gpu *gpu, unsigned pages)
{
    return gpu->platform->local ? gpu_local_ram(gpu, pages)
                                : gpu_system_ram(gpu, pages);
}

static uint64_t set_local(uint64_t pte, uint64_t bit)
{
    return pte & GPU_LOCAL ? (pte & ~GPU_LOCAL) | bit : pte;
}

uint64_t gpu_global(uint64_t pte)
{
    return set_local(pte, GGTT_LOCAL);
}

uint64_t gpu_leaf(uint64_t pte)
{
    return set_local(pte, PTE_LOCAL);
}

void gpu_ggtt_map(Gpu *gpu, uint32_t addr, uint64_t pte)
{
    qpci_io_writeq(gpu->dev, gpu->bar0,
                   GSM_OFFSET + 8 * (addr / PAGE_BYTES), gpu_global(pte));
}

GpuBuffer gpu_buffer(Gpu *gpu, unsigned pages)
{
    GpuBuffer buf = { gpu_ram(gpu, pages), gpu->next_ggtt };

    for (unsigned i = 0; i < pages; i++) {
        gpu_ggtt_map(gpu, gpu->next_ggtt,
                     (buf.phys + i * PAGE_BYTES) | PTE_PRESENT);
        gpu->next_ggtt += PAGE_BYTES;
    }
    return buf;
}

/*
 * Page tables are in the memory of gpu_ram(); their addresses do not say so.
 */
uint64_t gpu_ppgtt_entry(Gpu *gpu, uint64_t pml4, uint64_t addr,
                         unsigned level)
{
    uint64_t local = gpu->platform->local ? GPU_LOCAL : 0, table = pml4;

    for (unsigned l = 3; ; l--) {
        uint64_t entry = table + 8 * extract64(addr, 12 + 9 * l, 9);

        if (l == level) {
            return entry;
        }
        table = gpu_peekq(gpu, entry) & ~(uint64_t)(PAGE_BYTES - 1);
        if (!table) {
            table = gpu_ram(gpu, 1) & ~GPU_LOCAL;
            gpu_pokeq(gpu, entry, table | PTE_PRESENT | PTE_WRITE);
        }
        table |= local;
    }
}

void gpu_ppgtt_map(Gpu *gpu, uint64_t pml4, uint64_t addr, uint64_t pte,
                   GpuLeaf leaf)
{
    static const unsigned level[] = {
        [LEAF_4K] = 0, [LEAF_64K] = 0, [LEAF_2M] = 1, [LEAF_1G] = 2,
    };
    uint64_t entry = gpu_ppgtt_entry(gpu, pml4, addr, level[leaf]);

    if (level[leaf]) {
        pte |= PDE_PAGE_SIZE;
    }
    gpu_pokeq(gpu, entry, gpu_leaf(pte) | PTE_WRITE);
    if (leaf == LEAF_64K) {
        uint64_t pde = gpu_ppgtt_entry(gpu, pml4, addr, 1);

        g_assert_cmphex(addr & 0xffff, ==, 0);
        gpu_pokeq(gpu, pde, gpu_peekq(gpu, pde) | PDE_64K);
    }
}

static GpuStream new_stream(Gpu *gpu, unsigned pages)
{
    return (GpuStream) {
        .gpu = gpu, .buf = gpu_buffer(gpu, pages), .bytes = pages * PAGE_BYTES,
    };
}

GpuStream gpu_batch(Gpu *gpu)
{
    return new_stream(gpu, 1);
}

void gpu_emit(GpuStream *stream, const uint32_t *dw, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        gpu_poke(stream->gpu, stream->buf.phys + stream->offset, dw[i]);
        stream->offset = (stream->offset + 4) % stream->bytes;
    }
}

uint64_t gpu_image_addr(GpuContext *ctx, unsigned dword)
{
    return ctx->image.phys + PAGE_BYTES + 4 * dword;
}

uint32_t gpu_image(Gpu *gpu, GpuContext *ctx, unsigned dword)
{
    return gpu_peek(gpu, gpu_image_addr(ctx, dword));
}

/*
 * Writes the first two commands of an image in the layout of the hardware: the
 * ring, and the root of the PPGTT.  A new context has no others, so it
 * inhibits their restore.
 */
static void write_image(Gpu *gpu, GpuContext *ctx, uint64_t pml4)
{
    const uint32_t list[] = {
        [0x01] = MI_LOAD_REGISTER_IMM(13) | MI_CS_MMIO | BIT(12),
        0x244, 0x00090009,
        0x034, 0, 0x030, 0,
        0x038, ctx->ring.buf.ggtt,
        0x03c, (ctx->ring.bytes - PAGE_BYTES) | 1,
        0x168, 0, 0x140, 0, 0x110, BIT(5), 0x1c0, 0, 0x1c4, 0, 0x1c8, 0,
        0x180, 0, 0x2b4, 0,
        [0x21] = MI_LOAD_REGISTER_IMM(9) | MI_CS_MMIO | BIT(12),
        0x3a8, 0, 0x28c, 0, 0x288, 0, 0x284, 0, 0x280, 0, 0x27c, 0, 0x278, 0,
        0x274, (pml4 & ~GPU_LOCAL) >> 32, 0x270, pml4,
        [0x34] = MI_BATCH_BUFFER_END | 1,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
        gpu_poke(gpu, gpu_image_addr(ctx, i), list[i]);
    }
}

GpuContext *gpu_context(Gpu *gpu, GpuEngineId id, uint64_t pml4)
{
    GpuContext *ctx = g_new0(GpuContext, 1);

    g_ptr_array_add(gpu->contexts, ctx);
    if (!gpu->hwsp[id]) {
        gpu_engine_setup(gpu, id);
    }
    ctx->engine = &gpu_engines[id];
    ctx->id = id;
    ctx->image = gpu_buffer(gpu, 2);
    ctx->ring = new_stream(gpu, RING_PAGES);
    ctx->sw_id = gpu->contexts->len;
    ctx->sw_counter = gpu->contexts->len + 16;
    write_image(gpu, ctx, pml4);
    return ctx;
}

/*
 * Valid, 4-level PPGTT, privileged; software's id; engine class and instance
 */
uint64_t gpu_descriptor(GpuContext *ctx)
{
    uint32_t upper = ctx->sw_id << 5 | ctx->engine->instance << 16 |
                     ctx->sw_counter << 23 | ctx->engine->class << 29;

    return ctx->image.ggtt | BIT(8) | 3 << 3 | 1 | (uint64_t)upper << 32;
}

/* Both pointers of the CSB are at the last entry, so that entry 0 is next. */
void gpu_engine_setup(Gpu *gpu, GpuEngineId id)
{
    GpuBuffer hwsp;

    if (!gpu->hwsp[id]) {
        hwsp = gpu_buffer(gpu, 1);
        gpu->hwsp[id] = hwsp.phys;
    } else {
        hwsp.ggtt = gpu_ring_read(gpu, id, RING_HWS_PGA);
    }
    gpu_ring_write(gpu, id, RING_HWS_PGA, hwsp.ggtt);
    gpu_ring_write(gpu, id, RING_MI_MODE, STOP_RING << 16);
    gpu_ring_write(gpu, id, RING_CSB_PTR, 0xffff0000 |
                   (CSB_ENTRIES - 1) << 8 | (CSB_ENTRIES - 1));
    gpu_poke(gpu, gpu->hwsp[id] + HWSP_CSB_PTR, CSB_ENTRIES - 1);
    gpu->events[id] = 0;
}

static uint64_t queue_entry(Gpu *gpu, GpuContext *ctx)
{
    if (!ctx) {
        return 0;
    }
    if (ctx->ring.offset % 8) {
        EMIT(&ctx->ring, MI_NOOP);
    }
    gpu_poke(gpu, gpu_image_addr(ctx, IMAGE_RING_TAIL), ctx->ring.offset);
    return gpu_descriptor(ctx);
}

void gpu_submit(Gpu *gpu, GpuContext *first, GpuContext *second)
{
    uint64_t queue[] = { queue_entry(gpu, first), queue_entry(gpu, second) };

    for (unsigned i = 0; i < ARRAY_SIZE(queue); i++) {
        gpu_ring_write(gpu, first->id, RING_ELSQ + 8 * i, queue[i]);
        gpu_ring_write(gpu, first->id, RING_ELSQ + 8 * i + 4, queue[i] >> 32);
    }
    gpu_ring_write(gpu, first->id, RING_EL_CONTROL, 1);
}

void gpu_run(Gpu *gpu, GpuContext *ctx)
{
    gpu_submit(gpu, ctx, NULL);
    g_assert_cmphex(gpu_event(gpu, ctx->id), ==,
                    gpu_event_switch(ctx, NULL, 0));
    g_assert_cmphex(gpu_event(gpu, ctx->id), ==,
                    gpu_event_complete(ctx, NULL));
}

bool gpu_event_pending(Gpu *gpu, GpuEngineId id)
{
    uint32_t ptr = gpu_peek(gpu, gpu->hwsp[id] + HWSP_CSB_PTR);

    return ptr != (gpu->events[id] + CSB_ENTRIES - 1) % CSB_ENTRIES;
}

uint64_t gpu_event(Gpu *gpu, GpuEngineId id)
{
    unsigned index = gpu->events[id] % CSB_ENTRIES;

    GPU_WAIT(gpu, gpu_event_pending(gpu, id));
    gpu->events[id]++;
    return gpu_peekq(gpu, gpu->hwsp[id] + HWSP_CSB + 8 * index);
}

/*
 * Volume 8, "Context Status": the lower half has the new context and the
 * engine, the upper half the old context.
 */
static uint64_t event(GpuContext *to, GpuContext *away, uint32_t flags,
                      uint32_t detail)
{
    const GpuEngine *engine = to ? to->engine : away->engine;
    uint32_t lower = engine->instance << 6 | engine->class << 3 | flags;
    uint32_t upper = detail;

    lower |= to ? to->sw_id << 15 | to->sw_counter << 26 : CSB_IDLE;
    upper |= away ? away->sw_id << 15 | away->sw_counter << 26 : CSB_IDLE;
    return (uint64_t)upper << 32 | lower;
}

/* Switched to a new queue */
uint64_t gpu_event_switch(GpuContext *to, GpuContext *away, unsigned detail)
{
    return event(to, away, 1, detail);
}

uint64_t gpu_event_complete(GpuContext *away, GpuContext *to)
{
    return event(to, away, 0, 0);
}

uint64_t gpu_enable_msi(Gpu *gpu)
{
    uint64_t page = gpu_system_ram(gpu, 1);
    uint8_t cap = qpci_find_capability(gpu->dev, PCI_CAP_ID_MSI, 0);
    uint16_t flags = qpci_config_readw(gpu->dev, cap + PCI_MSI_FLAGS);
    bool is_64 = flags & PCI_MSI_FLAGS_64BIT;

    qpci_config_writel(gpu->dev, cap + PCI_MSI_ADDRESS_LO, page);
    qpci_config_writew(gpu->dev, cap + (is_64 ? PCI_MSI_DATA_64
                                              : PCI_MSI_DATA_32),
                       GPU_MSI_DATA);
    qpci_config_writew(gpu->dev, cap + PCI_MSI_FLAGS,
                       flags | PCI_MSI_FLAGS_ENABLE);
    return page;
}

/* Enables @bits in both halves of the enable registers, and unmasks them. */
void gpu_irq_enable(Gpu *gpu, uint32_t bits)
{
    static const uint32_t masks[] = {
        0x190090, 0x1900a0, 0x1900a8, 0x1900ac, 0x1900d0,
    };

    gpu_write(gpu, 0x190030, bits << 16 | bits);
    gpu_write(gpu, 0x190034, bits << 16 | bits);
    for (unsigned i = 0; i < ARRAY_SIZE(masks); i++) {
        gpu_write(gpu, masks[i], ~(bits << 16 | bits));
    }
}

void gpu_pass_time(Gpu *gpu, unsigned tries, const char *what)
{
    if (tries == 2000) {
        g_test_message("in vain: %s", what);
        g_assert_not_reached();
    }
    if (gpu->deterministic) {
        qtest_clock_step(gpu->qts, 20 * 1000);
    } else {
        g_usleep(tries < 20 ? 100 : 5000);
    }
}

void gpu_settle(Gpu *gpu)
{
    if (gpu->deterministic) {
        qtest_clock_step(gpu->qts, 2 * 1000 * 1000);
    } else {
        g_usleep(20 * 1000);
    }
}

typedef struct GpuTest {
    void (*run)(Gpu *gpu);
    const GpuPlatform *platform;
    bool deterministic;
} GpuTest;

static void run_test(const void *opaque)
{
    const GpuTest *test = opaque;
    Gpu *gpu = gpu_start_platform(test->platform, test->deterministic, "");

    test->run(gpu);
    gpu_stop(gpu);
}

static void add_test(const char *name, const char *way,
                     void (*run)(Gpu *gpu), const GpuPlatform *platform,
                     bool deterministic)
{
    g_autofree char *path = g_strdup_printf("intel-gen12/%s/%s", name, way);
    GpuTest *test = g_new(GpuTest, 1);

    *test = (GpuTest) { run, platform, deterministic };
    qtest_add_data_func_full(path, test, run_test, g_free);
}

void gpu_add_test(const char *name, void (*run)(Gpu *gpu))
{
    add_test(name, "deterministic", run, &gpu_tiger_lake, true);
    add_test(name, "threads", run, &gpu_tiger_lake, false);
    add_test(name, "dg1", run, &gpu_dg1, true);
}

void gpu_add_dg1_test(const char *name, void (*run)(Gpu *gpu))
{
    add_test(name, "deterministic", run, &gpu_dg1, true);
    add_test(name, "threads", run, &gpu_dg1, false);
}
