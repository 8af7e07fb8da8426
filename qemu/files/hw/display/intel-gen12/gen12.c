/*
 * Intel Gen12 GPU: PCI device
 *
 * A functional model of an Xe-LP GPU without display, for testing drivers.  It
 * has five engines with execlists submission, GGTT and PPGTT, interrupts and
 * resets.  Its platforms are Tiger Lake, and DG1 with local memory.
 * docs/specs/intel-gen12.rst says what is modelled and what is not.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "hw/pci/msi.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "sysemu/runstate.h"
#include "sysemu/sysemu.h"
#include "trace.h"

static const char *const counter_names[GEN12_COUNTERS] = {
    [GEN12_COUNT_UNKNOWN_READS] = "unknown-reads",
    [GEN12_COUNT_UNKNOWN_WRITES] = "unknown-writes",
    [GEN12_COUNT_UNKNOWN_COMMANDS] = "unknown-commands",
    [GEN12_COUNT_SKIPPED_COMMANDS] = "skipped-commands",
    [GEN12_COUNT_UNSUPPORTED_COMMANDS] = "unsupported-commands",
    [GEN12_COUNT_GUEST_ERRORS] = "guest-errors",
    [GEN12_COUNT_READONLY_WRITES] = "readonly-writes",
    [GEN12_COUNT_PRIVILEGE_ERRORS] = "privilege-errors",
    [GEN12_COUNT_FAULTS] = "faults",
    [GEN12_COUNT_TLB_FILLS] = "tlb-fills",
    [GEN12_COUNT_TLB_INVALIDATIONS] = "tlb-invalidations",
    [GEN12_COUNT_RESETS] = "resets",
    [GEN12_COUNT_ENGINE_RESETS] = "engine-resets",
    [GEN12_COUNT_COMMANDS] = "commands",
    [GEN12_COUNT_BATCHES] = "batches",
    [GEN12_COUNT_CONTEXT_SWITCHES] = "context-switches",
    [GEN12_COUNT_PREEMPTIONS] = "preemptions",
    [GEN12_COUNT_INTERRUPTS] = "interrupts",
};

/*
 * The only place that reports an error of the guest.  @where is an engine's
 * name, or the part of the device that found the error.
 */
void gen12_guest_error(Gen12State *s, const char *where, const char *what,
                       uint64_t detail)
{
    gen12_count(s, GEN12_COUNT_GUEST_ERRORS);
    trace_gen12_guest_error(where, what, detail);
    qemu_log_mask(LOG_GUEST_ERROR, "intel-gen12: %s: %s: 0x%" PRIx64 "\n",
                  where, what, detail);
}

/* Writes a line "name value" for each counter. */
static void write_report(Gen12State *s)
{
    g_autofree char *text = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) err = NULL;

    for (unsigned i = 0; i < GEN12_COUNTERS; i++) {
        g_string_append_printf(out, "%s %" PRIu64 "\n", counter_names[i],
                               stat64_get(&s->counter[i]));
    }
    if (!g_file_set_contents(s->report, out->str, out->len, &err)) {
        error_report("intel-gen12: %s", err->message);
    }
}

static void at_exit(Notifier *notifier, void *opaque)
{
    Gen12State *s = container_of(notifier, Gen12State, exit_notifier);

    write_report(s);
}

static void get_counter(Object *obj, Visitor *v, const char *name,
                        void *opaque, Error **errp)
{
    Gen12State *s = INTEL_GEN12(obj);
    uint64_t value = stat64_get(&s->counter[(uintptr_t)opaque]);

    visit_type_uint64(v, name, &value, errp);
}

/* The guest's memory map has changed: host pointers in TLBs are stale. */
static void memory_commit(MemoryListener *listener)
{
    Gen12State *s = container_of(listener, Gen12State, listener);

    qatomic_inc(&s->map_generation);
}

/* The engines stop and start with the machine. */
static void vm_state_change(void *opaque, bool running, RunState state)
{
    Gen12State *s = opaque;

    qatomic_set(&s->vm_running, running);
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        gen12_engine_lock(s->engine[i]);
        gen12_engine_unlock(s->engine[i]);
        gen12_engine_kick(s->engine[i]);
    }
}

static void init_config(PCIDevice *dev)
{
    pci_config_set_interrupt_pin(dev->config, 1);
    pci_set_word(dev->config + GEN12_PCI_GGC, GGC_GGMS_8M);
    pci_set_long(dev->config + GEN12_PCI_BDSM, 0);
    pci_set_long(dev->config + GEN12_PCI_BDSM + 4, 0);
}

static bool init_bars(Gen12State *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);
    Object *obj = OBJECT(s);

    if (!s->platform->init_memory(s, errp)) {
        return false;
    }
    memory_region_init(&s->bar0, obj, "intel-gen12.bar0",
                       GEN12_GSM_OFFSET + GEN12_GSM_SIZE);
    memory_region_init_io(&s->mmio, obj, &gen12_mmio_ops, s,
                          "intel-gen12.mmio", GEN12_MMIO_SIZE);
    memory_region_add_subregion(&s->bar0, 0, &s->mmio);
    memory_region_add_subregion(&s->bar0, GEN12_GSM_OFFSET, &s->gsm_mr);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY |
                             PCI_BASE_ADDRESS_MEM_TYPE_64, &s->bar0);
    pci_register_bar(dev, 2, PCI_BASE_ADDRESS_SPACE_MEMORY |
                             PCI_BASE_ADDRESS_MEM_TYPE_64 |
                             PCI_BASE_ADDRESS_MEM_PREFETCH, &s->bar2);
    return true;
}

static void init_registers(Gen12State *s)
{
    gen12_mmio_init(s);
    gen12_regtable_add(s);
    gen12_gt_init(s);
    gen12_irq_init(s);
    gen12_mmio_add(s, NULL, 0, s->platform->regs, s->platform->reg_count);
    gen12_cs_init();
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        s->engine[i] = gen12_engine_new(s, &gen12_engine_info[i]);
    }
    gen12_mmio_reset(s);
}

static void gen12_realize(PCIDevice *dev, Error **errp)
{
    Gen12State *s = INTEL_GEN12(dev);
    int ret;

    s->platform = INTEL_GEN12_GET_CLASS(s)->platform;
    init_config(dev);
    ret = msi_init(dev, GEN12_PCI_MSI, 1, true, false, errp);
    if (ret < 0) {
        return;
    }
    if (!init_bars(s, errp)) {
        msi_uninit(dev);
        return;
    }
    if (pci_is_express(dev)) {
        ret = pcie_endpoint_cap_init(dev, GEN12_PCI_EXPRESS);
        assert(ret > 0);
    }
    s->vm_running = runstate_is_running();
    init_registers(s);
    s->listener = (MemoryListener) {
        .name = "intel-gen12", .commit = memory_commit,
    };
    memory_listener_register(&s->listener, pci_get_address_space(dev));
    s->vmstate = qemu_add_vm_change_state_handler(vm_state_change, s);
    if (s->report) {
        s->exit_notifier.notify = at_exit;
        qemu_add_exit_notifier(&s->exit_notifier);
    }
}

static void gen12_exit(PCIDevice *dev)
{
    Gen12State *s = INTEL_GEN12(dev);

    if (s->report) {
        qemu_remove_exit_notifier(&s->exit_notifier);
    }
    qemu_del_vm_change_state_handler(s->vmstate);
    memory_listener_unregister(&s->listener);
    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        gen12_engine_free(s->engine[i]);
    }
    gen12_irq_fini(s);
    gen12_mmio_fini(s);
    qemu_mutex_destroy(&s->gt_lock);
    if (s->platform->local_memory) {
        address_space_destroy(&s->lmem_as);
    }
    if (pci_is_express(dev)) {
        pcie_cap_exit(dev);
    }
    msi_uninit(dev);
}

static void gen12_reset(DeviceState *dev)
{
    Gen12State *s = INTEL_GEN12(dev);

    for (unsigned i = 0; i < GEN12_ENGINES; i++) {
        gen12_engine_lock(s->engine[i]);
        gen12_engine_reset(s->engine[i]);
        gen12_engine_unlock(s->engine[i]);
    }
    gen12_mmio_reset(s);
    gen12_gt_reset(s);
    gen12_irq_reset(s);
    memset(s->gsm, 0, GEN12_GSM_SIZE);
}

static Property gen12_properties[] = {
    DEFINE_PROP_STRING("report", Gen12State, report),
    DEFINE_PROP_BOOL("deterministic", Gen12State, deterministic, false),
    DEFINE_PROP_END_OF_LIST(),
};

/*
 * The state of the engines, their TLBs, and local memory are not saved, so a
 * machine with this device can be neither migrated nor snapshotted.
 */
static const VMStateDescription vmstate_gen12 = {
    .name = "intel-gen12",
    .unmigratable = 1,
};

static void gen12_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->realize = gen12_realize;
    k->exit = gen12_exit;
    k->vendor_id = PCI_VENDOR_ID_INTEL;
    k->class_id = PCI_CLASS_DISPLAY_VGA;
    dc->reset = gen12_reset;
    dc->vmsd = &vmstate_gen12;
    dc->hotpluggable = false;
    device_class_set_props(dc, gen12_properties);
    set_bit(DEVICE_CATEGORY_DISPLAY, dc->categories);
    for (uintptr_t i = 0; i < GEN12_COUNTERS; i++) {
        object_class_property_add(klass, counter_names[i], "uint64",
                                  get_counter, NULL, NULL, (void *)i);
    }
}

static void platform_class_init(ObjectClass *klass, void *data)
{
    const Gen12Platform *platform = data;
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    INTEL_GEN12_CLASS(klass)->platform = platform;
    k->device_id = platform->device_id;
    k->revision = platform->revision;
    dc->desc = platform->desc;
    if (platform->properties) {
        device_class_set_props(dc, platform->properties);
    }
}

static const TypeInfo gen12_info = {
    .name = TYPE_INTEL_GEN12,
    .parent = TYPE_PCI_DEVICE,
    .abstract = true,
    .instance_size = sizeof(Gen12State),
    .class_size = sizeof(Gen12Class),
    .class_init = gen12_class_init,
};

static void gen12_register_types(void)
{
    static const Gen12Platform *const platforms[] = { &gen12_tgl, &gen12_dg1 };

    type_register_static(&gen12_info);
    for (unsigned i = 0; i < ARRAY_SIZE(platforms); i++) {
        const TypeInfo info = {
            .name = platforms[i]->type,
            .parent = TYPE_INTEL_GEN12,
            .class_init = platform_class_init,
            .class_data = (void *)platforms[i],
            .interfaces = (InterfaceInfo[]) {
                { platforms[i]->interface },
                { },
            },
        };

        type_register(&info);
    }
}

type_init(gen12_register_types)
