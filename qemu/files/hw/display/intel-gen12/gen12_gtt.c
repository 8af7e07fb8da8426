/*
 * Intel Gen12 GPU: address translation and memory accesses of the engines
 *
 * GGTT: 2^20 entries in the GSM.  PPGTT: four levels from the PML4 in the
 * context's PDP0, with leaves of 4 KiB, 64 KiB, 2 MiB and 1 GiB (Volume 7,
 * "Page Walker Access and Memory Types").  A leaf entry has a bit that says
 * whether its page is in local memory or in system memory.  If a platform has
 * local memory, all page tables are there, and their addresses need no such
 * bit.
 *
 * Each engine has a TLB of its own.  It keeps a translation until an
 * invalidation that the PRM names: a context switch (PPGTT only), PIPE_CONTROL
 * or MI_FLUSH_DW that asks for it, the *_TLB_INV_CR registers, GFX_FLSH_CNTL
 * (posted, before the next access), or a reset.  A driver that forgets an
 * invalidation therefore sees stale data.  The TLB keeps a large leaf as a
 * whole, and in addition its 4 KiB pages that were used.  It does not keep
 * absent translations.
 *
 * Engines run outside the BQL, so they reach only RAM, through a host pointer
 * in the TLB entry.  An access elsewhere is a guest error: reads return ones
 * and writes are ignored, as for unclaimed cycles.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "qemu/rcu.h"
#include "trace.h"

#define PAGE_BITS   12
#define PAGE_SIZE   (1 << PAGE_BITS)
#define PAGE_MASK   (PAGE_SIZE - 1)
#define LARGE_PAGE_BITS 16
#define GGTT_KEY    BIT_ULL(63)
#define LEAF_KEY    BIT_ULL(62)     /* a large leaf, its shift in 61:56 */
#define VA_BITS     48

/* Levels of a walk, which are also the fault types */
enum { LEVEL_PTE, LEVEL_PDE, LEVEL_PDPE, LEVEL_PML4, LEVEL_RANGE };

typedef struct Gen12Walk {
    uint64_t phys;
    bool local;                     /* @phys is in local memory */
    bool null;
    unsigned shift;                 /* log2 of the leaf's size */
    unsigned level;                 /* where it failed */
} Gen12Walk;

static AddressSpace *address_space(Gen12State *s, bool local)
{
    return local ? &s->lmem_as : pci_get_address_space(PCI_DEVICE(s));
}

/*
 * Reads a page table entry.  A table outside RAM is a guest error, and its
 * entries read as 0.
 */
static uint64_t read_entry(Gen12State *s, uint64_t table, unsigned index)
{
    AddressSpace *as = address_space(s, s->platform->local_memory);
    hwaddr len = 8, xlat;
    uint64_t entry = 0;

    RCU_READ_LOCK_GUARD();
    MemoryRegion *mr = address_space_translate(as, table + 8 * index, &xlat,
                                               &len, false,
                                               MEMTXATTRS_UNSPECIFIED);
    if (len == 8 && memory_access_is_direct(mr, false)) {
        uint64_t *p = memory_region_get_ram_ptr(mr) + xlat;

        entry = le64_to_cpu(qatomic_read(p));
    } else {
        gen12_guest_error(s, "gtt", "page table outside RAM", table);
    }
    return entry;
}

/* The GGTT entry for @addr, 0 beyond its end */
uint64_t gen12_ggtt_pte(Gen12State *s, uint64_t addr)
{
    uint64_t index = addr >> PAGE_BITS;

    if (index >= GEN12_GSM_SIZE / 8) {
        return 0;
    }
    return le64_to_cpu(qatomic_read(&s->gsm[index]));
}

static bool walk_ggtt(Gen12Engine *e, uint64_t addr, Gen12Walk *walk)
{
    uint64_t pte = gen12_ggtt_pte(e->s, addr);

    walk->level = addr >> 32 ? LEVEL_RANGE : LEVEL_PTE;
    walk->phys = pte & GEN12_PTE_ADDR;
    walk->local = pte & e->s->platform->ggtt_local;
    walk->null = false;
    walk->shift = PAGE_BITS;
    return pte & GEN12_PTE_PRESENT;
}

/* The physical page of @addr in a leaf of 1 << @shift bytes at @phys */
static void walk_leaf(Gen12Walk *walk, uint64_t phys, uint64_t addr,
                      unsigned shift)
{
    uint64_t offset = MAKE_64BIT_MASK(0, shift) & ~PAGE_MASK;

    walk->shift = shift;
    walk->phys = (phys & ~offset) | (addr & offset);
}

static bool walk_ppgtt(Gen12Engine *e, uint64_t addr, Gen12Walk *walk)
{
    uint64_t entry = gen12_ring64(e, RING_PDP(0));
    bool large_pages = false;

    for (unsigned level = LEVEL_PML4; ; level--) {
        unsigned index = extract64(addr, PAGE_BITS + 9 * level, 9);

        /* A table of 64 KiB pages uses every sixteenth entry. */
        if (level == LEVEL_PTE && large_pages) {
            index &= ~0xf;
        }
        entry = read_entry(e->s, entry & GEN12_PTE_ADDR, index);
        walk->level = level;
        if (!(entry & (GEN12_PTE_PRESENT | GEN12_PTE_NULL))) {
            return false;
        }
        if (level == LEVEL_PTE) {
            break;
        }
        if (level <= LEVEL_PDPE && (entry & GEN12_PDE_LARGE)) {
            break;
        }
        if (entry & GEN12_PTE_NULL) {
            break;
        }
        large_pages = entry & GEN12_PDE_64K;
    }
    walk_leaf(walk, entry & GEN12_PTE_ADDR, addr,
              walk->level == LEVEL_PTE && large_pages
              ? LARGE_PAGE_BITS : PAGE_BITS + 9 * walk->level);
    walk->local = entry & e->s->platform->ppgtt_local;
    walk->null = entry & GEN12_PTE_NULL;
    return true;
}

static void record_fault(Gen12Engine *e, bool ppgtt, uint64_t addr,
                         unsigned level)
{
    Gen12State *s = e->s;

    trace_gen12_fault(e->info->name, ppgtt ? "PPGTT" : "GGTT", addr, level);
    gen12_count(s, GEN12_COUNT_FAULTS);
    e->halted = true;

    /* The first fault stays until the driver clears the valid bit. */
    qemu_mutex_lock(&s->gt_lock);
    if (!(gen12_reg(s, RING_FAULT_REG) & RING_FAULT_VALID)) {
        gen12_reg_set(s, FAULT_TLB_DATA0, addr >> PAGE_BITS);
        gen12_reg_set(s, FAULT_TLB_DATA1, extract64(addr, 44, 4) |
                      (ppgtt ? 0 : FAULT_DATA1_GGTT));
        gen12_reg_set(s, RING_FAULT_REG, RING_FAULT_VALID |
                      (level & 3) << RING_FAULT_TYPE_SHIFT |
                      (ppgtt ? 0 : RING_FAULT_GGTT) |
                      e->info->fault_id << RING_FAULT_ENGINE_SHIFT);
    }
    qemu_mutex_unlock(&s->gt_lock);
}

static void entry_free(void *opaque)
{
    Gen12TlbEntry *entry = opaque;

    address_space_cache_destroy(&entry->cache);
    g_free(entry);
}

/*
 * Maps the page into host memory, for a new entry, or for an old one after the
 * guest's memory map has changed.
 */
static void entry_map(Gen12State *s, Gen12TlbEntry *entry)
{
    AddressSpace *as = address_space(s, entry->local);

    address_space_cache_destroy(&entry->cache);
    entry->map_generation = qatomic_read(&s->map_generation);
    address_space_cache_init(&entry->cache, as, entry->phys, PAGE_SIZE, true);
    if (!entry->cache.ptr || entry->cache.len < PAGE_SIZE) {
        entry->cache.ptr = NULL;
        gen12_guest_error(s, "gtt", "page outside RAM", entry->phys);
    }
}

static Gen12TlbEntry *tlb_insert(Gen12Engine *e, uint64_t key,
                                 const Gen12Walk *walk)
{
    Gen12TlbEntry *entry = g_new0(Gen12TlbEntry, 1);

    entry->key = key;
    entry->phys = walk->phys;
    entry->local = walk->local;
    entry->null = walk->null;
    entry->cache = MEMORY_REGION_CACHE_INVALID;
    entry->map_generation = qatomic_read(&e->s->map_generation);
    g_hash_table_replace(e->tlb.entries, &entry->key, entry);
    return entry;
}

static uint64_t leaf_key(uint64_t addr, unsigned shift)
{
    return LEAF_KEY | (uint64_t)shift << 56 | addr >> shift;
}

/* Does the TLB have a large leaf that covers @addr? */
static bool leaf_find(Gen12Engine *e, uint64_t addr, Gen12Walk *walk)
{
    static const unsigned shifts[] = {
        LARGE_PAGE_BITS, PAGE_BITS + 9, PAGE_BITS + 18,
        PAGE_BITS + 27, /* only as a NULL entry */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(shifts); i++) {
        uint64_t key = leaf_key(addr, shifts[i]);
        Gen12TlbEntry *leaf = g_hash_table_lookup(e->tlb.entries, &key);

        if (leaf) {
            walk_leaf(walk, leaf->phys, addr, shifts[i]);
            walk->local = leaf->local;
            walk->null = leaf->null;
            return true;
        }
    }
    return false;
}

static bool walk_tables(Gen12Engine *e, bool ppgtt, uint64_t addr,
                        Gen12Walk *walk)
{
    if (!ppgtt) {
        return walk_ggtt(e, addr, walk);
    }
    if (leaf_find(e, addr, walk)) {
        return true;
    }
    if (!walk_ppgtt(e, addr, walk)) {
        return false;
    }
    if (walk->shift > PAGE_BITS) {
        tlb_insert(e, leaf_key(addr, walk->shift), walk);
    }
    return true;
}

static Gen12TlbEntry *tlb_fill(Gen12Engine *e, bool ppgtt, uint64_t addr)
{
    Gen12TlbEntry *entry;
    Gen12Walk walk;

    if (g_hash_table_size(e->tlb.entries) >= GEN12_TLB_MAX) {
        gen12_tlb_flush(e, false);
    }
    if (!walk_tables(e, ppgtt, addr, &walk)) {
        record_fault(e, ppgtt, addr, walk.level);
        return NULL;
    }
    gen12_count(e->s, GEN12_COUNT_TLB_FILLS);
    trace_gen12_tlb_fill(e->info->name, ppgtt ? "PPGTT" : "GGTT", addr,
                         walk.phys);
    entry = tlb_insert(e, addr >> PAGE_BITS | (ppgtt ? 0 : GGTT_KEY), &walk);
    if (!entry->null) {
        entry_map(e->s, entry);
    }
    return entry;
}

static Gen12TlbEntry *tlb_lookup(Gen12Engine *e, bool ppgtt, uint64_t addr)
{
    uint64_t key = addr >> PAGE_BITS | (ppgtt ? 0 : GGTT_KEY);
    Gen12TlbEntry *entry;

    if (unlikely(qatomic_read(&e->tlb.flush_ggtt))) {
        qatomic_set(&e->tlb.flush_ggtt, false);
        gen12_tlb_flush(e, false);
    }
    entry = e->tlb.last[!ppgtt];
    if (!entry || entry->key != key) {
        entry = g_hash_table_lookup(e->tlb.entries, &key);
        if (!entry) {
            entry = tlb_fill(e, ppgtt, addr);
        }
        e->tlb.last[!ppgtt] = entry;
    }
    if (entry && !entry->null &&
        unlikely(entry->map_generation !=
                 qatomic_read(&e->s->map_generation))) {
        entry_map(e->s, entry);
    }
    return entry;
}

static gboolean entry_is_ppgtt(void *key, void *value, void *opaque)
{
    return !(*(uint64_t *)key & GGTT_KEY);
}

void gen12_tlb_flush(Gen12Engine *e, bool ppgtt_only)
{
    trace_gen12_tlb_flush(e->info->name, ppgtt_only);
    gen12_count(e->s, GEN12_COUNT_TLB_INVALIDATIONS);
    e->tlb.last[0] = NULL;
    if (ppgtt_only) {
        g_hash_table_foreach_remove(e->tlb.entries, entry_is_ppgtt, NULL);
    } else {
        e->tlb.last[1] = NULL;
        g_hash_table_remove_all(e->tlb.entries);
    }
}

void gen12_tlb_init(Gen12Engine *e)
{
    e->tlb.entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                           entry_free);
}

void gen12_tlb_fini(Gen12Engine *e)
{
    g_hash_table_destroy(e->tlb.entries);
}

/* Addresses are canonical: bits 63:48 are copies of bit 47 and not decoded. */
static uint64_t decode(bool ppgtt, uint64_t addr)
{
    return ppgtt ? extract64(addr, 0, VA_BITS) : addr;
}

/* Copies aligned words atomically, so that a reader never sees half of one. */
static void copy_words(void *dst, const void *src, size_t len)
{
    if (len == 4 && !((uintptr_t)dst & 3) && !((uintptr_t)src & 3)) {
        qatomic_set((uint32_t *)dst, qatomic_read((const uint32_t *)src));
    } else if (len == 8 && !((uintptr_t)dst & 7) && !((uintptr_t)src & 7)) {
        qatomic_set((uint64_t *)dst, qatomic_read((const uint64_t *)src));
    } else {
        memcpy(dst, src, len);
    }
}

bool gen12_mem_read(Gen12Engine *e, bool ppgtt, uint64_t addr, void *buf,
                    size_t len)
{
    addr = decode(ppgtt, addr);
    while (len) {
        size_t n = MIN(len, PAGE_SIZE - (addr & PAGE_MASK));
        Gen12TlbEntry *entry = tlb_lookup(e, ppgtt, addr);

        if (!entry) {
            return false;
        }
        if (entry->null) {
            memset(buf, 0, n);
        } else if (!entry->cache.ptr) {
            memset(buf, 0xff, n);
        } else {
            copy_words(buf, entry->cache.ptr + (addr & PAGE_MASK), n);
        }
        addr += n;
        buf += n;
        len -= n;
    }
    return true;
}

bool gen12_mem_write(Gen12Engine *e, bool ppgtt, uint64_t addr,
                     const void *buf, size_t len)
{
    addr = decode(ppgtt, addr);
    while (len) {
        size_t n = MIN(len, PAGE_SIZE - (addr & PAGE_MASK));
        Gen12TlbEntry *entry = tlb_lookup(e, ppgtt, addr);

        if (!entry) {
            return false;
        }
        if (entry->cache.ptr) {
            copy_words(entry->cache.ptr + (addr & PAGE_MASK), buf, n);
            address_space_cache_invalidate(&entry->cache, addr & PAGE_MASK, n);
        }
        addr += n;
        buf += n;
        len -= n;
    }
    return true;
}

bool gen12_mem_read32(Gen12Engine *e, bool ppgtt, uint64_t addr,
                      uint32_t *value)
{
    uint32_t le;

    if (!gen12_mem_read(e, ppgtt, addr & ~3ull, &le, 4)) {
        return false;
    }
    *value = le32_to_cpu(le);
    return true;
}

bool gen12_mem_write32(Gen12Engine *e, bool ppgtt, uint64_t addr,
                       uint32_t value)
{
    uint32_t le = cpu_to_le32(value);

    return gen12_mem_write(e, ppgtt, addr & ~3ull, &le, 4);
}

bool gen12_mem_write64(Gen12Engine *e, bool ppgtt, uint64_t addr,
                       uint64_t value)
{
    uint64_t le = cpu_to_le64(value);

    return gen12_mem_write(e, ppgtt, addr & ~3ull, &le, 8);
}

bool gen12_mem_atomic(Gen12Engine *e, bool ppgtt, uint64_t addr, size_t size,
                      void (*op)(void *host, void *opaque), void *opaque)
{
    Gen12TlbEntry *entry;

    addr = decode(ppgtt, addr) & ~(uint64_t)(size - 1);
    entry = tlb_lookup(e, ppgtt, addr);
    if (!entry) {
        return false;
    }
    if (entry->cache.ptr) {
        op(entry->cache.ptr + (addr & PAGE_MASK), opaque);
        address_space_cache_invalidate(&entry->cache, addr & PAGE_MASK, size);
    }
    return true;
}
