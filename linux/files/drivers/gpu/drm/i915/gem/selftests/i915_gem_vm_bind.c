// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>

#include <drm/drm_syncobj.h>

#include "gem/i915_gem_internal.h"
#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_object.h"
#include "gem/i915_gem_timeline_fence.h"
#include "gem/i915_gem_ttm.h"
#include "gem/i915_gem_ttm_move.h"
#include "gem/i915_gem_vm_bind.h"
#include "gt/gen8_ppgtt.h"
#include "gt/intel_engine_pm.h"
#include "gt/intel_gt.h"
#include "gt/intel_gt_pm.h"
#include "gt/intel_gtt.h"
#include "gt/intel_tlb.h"
#include "i915_drv.h"
#include "i915_gem_ww.h"
#include "i915_request.h"
#include "i915_selftest.h"
#include "selftests/intel_scheduler_helpers.h"
#include "selftests/mock_gem_device.h"

/*
 * Below the uAPI: what the page tables hold, and when pages are released. The
 * GPU is not used; fences of our own stand for its work.
 */

#define TEST_ADDRESS	(BIT_ULL(40) + SZ_1G - SZ_2M) /* crosses directories */
#define TEST_SIZE	(SZ_4M + SZ_2M + 5 * SZ_4K)

static struct i915_address_space *vm_create(struct drm_i915_private *i915)
{
	struct i915_ppgtt *ppgtt = i915_ppgtt_create(to_gt(i915), 0);
	int err;

	if (IS_ERR(ppgtt))
		return ERR_CAST(ppgtt);

	err = i915_vm_bind_init(&ppgtt->vm);
	if (err) {
		i915_vm_put(&ppgtt->vm);
		return ERR_PTR(err);
	}

	return &ppgtt->vm;
}

/*
 * The address that the GPU reaches at @addr: an independent reading of what
 * the writers of gen8_ppgtt.c wrote. 0 where the tables contradict themselves.
 */
static dma_addr_t walk(struct i915_address_space *vm, u64 addr)
{
	const u64 mask = GENMASK_ULL(45, 12);
	struct i915_page_directory *pd = i915_vm_to_ppgtt(vm)->pd;
	unsigned int lvl, idx;
	u64 pde, *pt;
	bool is_leaf;

	for (lvl = vm->top; ; lvl--) {
		idx = addr >> (12 + 9 * lvl) & 511;
		pde = ((u64 *)px_vaddr(pd))[idx];

		if (!pd->entry[idx])
			return pde == vm->scratch[lvl]->encode ?
				px_dma(vm->scratch[0]) : 0;

		if (lvl == 1)
			break;

		pd = pd->entry[idx];
	}

	/* A 2 MiB entry has no page table, and nothing else has none. */
	is_leaf = pd->entry[idx] == GEN8_LEAF;
	if (is_leaf != !!(pde & GEN8_PDE_PS_2M))
		return 0;

	if (is_leaf)
		return (pde & mask & ~(SZ_2M - 1)) | (addr & (SZ_2M - 1));

	pt = px_vaddr(i915_pt_entry(pd, idx));
	idx = addr >> 12 & 511;
	if (pde & GEN8_PDE_IPS_64K)
		return (pt[idx & ~15] & mask) + (idx & 15) * SZ_4K;

	return pt[idx] & mask;
}

static int check_scratch(struct i915_address_space *vm, u64 addr)
{
	if (walk(vm, addr) == px_dma(vm->scratch[0]))
		return 0;

	pr_err("%llx is not scratch\n", addr);
	return -EINVAL;
}

static void count_table(struct i915_address_space *vm,
			struct i915_page_table *pt, void *data)
{
	++*(unsigned int *)data;
}

/* Of one run: neighbours by chance, in runs of their own, are not looked for. */
static bool is_huge(struct drm_i915_gem_object *obj, pgoff_t page)
{
	struct scatterlist *sg;
	unsigned int skip;

	sg = i915_gem_object_get_sg_dma(obj, page, &skip);
	return sg_dma_len(sg) - skip * SZ_4K >= SZ_2M &&
		IS_ALIGNED(sg_dma_address(sg) + skip * SZ_4K, SZ_2M);
}

/* A page table for each 2 MiB, unless one entry can show all of it. */
static int check_tables(struct i915_address_space *vm,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length)
{
	const u64 end = start + length;
	unsigned int want = 0, got = 0;
	u64 addr;

	for (addr = round_down(start, SZ_2M); addr < end; addr += SZ_2M)
		want += addr < start || end - addr < SZ_2M ||
			!is_huge(obj, (offset + addr - start) >> PAGE_SHIFT);

	vm->foreach(vm, start, length, count_table, &got);
	if (got != want) {
		pr_err("%u page tables, not %u\n", got, want);
		return -EINVAL;
	}

	return 0;
}

static int check_mapped(struct i915_address_space *vm,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length)
{
	u64 i;

	for (i = 0; i < length; i += SZ_4K) {
		const pgoff_t page = (offset + i) >> PAGE_SHIFT;
		dma_addr_t want = i915_gem_object_get_dma_address(obj, page);
		dma_addr_t got = walk(vm, start + i);

		if (got != want) {
			pr_err("%llx (page %lu) shows %pad, not %pad\n",
			       start + i, page, &got, &want);
			return -EINVAL;
		}
	}

	if (check_scratch(vm, start - SZ_4K) ||
	    check_scratch(vm, start + length))
		return -EINVAL;

	return check_tables(vm, obj, start, offset, length);
}

static int check_cleared(struct i915_address_space *vm, u64 start, u64 length)
{
	u64 i;

	for (i = 0; i < length; i += SZ_4K)
		if (check_scratch(vm, start + i))
			return -EINVAL;

	return 0;
}

static int map(struct i915_address_space *vm, struct drm_i915_gem_object *obj,
	       u64 start, u64 offset, u64 length)
{
	struct i915_timeline_fence none = {};

	return i915_vm_bind_map(vm->vm_bind, obj, start, offset, length, 0,
				&none);
}

static int unmap(struct i915_address_space *vm, u64 start, u64 length)
{
	struct i915_timeline_fence none = {};

	return i915_vm_bind_unmap(vm->vm_bind, start, length, &none);
}

static int __window(struct i915_address_space *vm,
		    struct drm_i915_gem_object *obj,
		    u64 start, u64 offset, u64 length)
{
	int err;

	err = map(vm, obj, start, offset, length);
	if (err)
		return err;

	err = check_mapped(vm, obj, start, offset, length);
	if (err)
		return err;

	err = unmap(vm, start, length);
	if (err)
		return err;

	return check_cleared(vm, start, length);
}

static int window_object(struct i915_address_space *vm,
			 struct drm_i915_gem_object *obj)
{
	static const struct {
		const char *name;
		u64 skew; /* of the address */
		u64 offset;
		u64 length;
	} rows[] = {
		{ "whole", 0, 0, TEST_SIZE },
		{ "whole, skewed", SZ_4K, 0, TEST_SIZE },
		{ "first page", 0, 0, SZ_4K },
		{ "second page", SZ_4K, SZ_4K, SZ_4K },
		{ "last page", 0, TEST_SIZE - SZ_4K, SZ_4K },
		{ "across tables", SZ_2M - SZ_4K, SZ_4K, 2 * SZ_4K },
		{ "64K", SZ_64K, SZ_64K, SZ_64K },
		{ "64K and a page", SZ_64K, SZ_64K, SZ_64K + SZ_4K },
		{ "64K, skewed", SZ_64K + SZ_4K, SZ_64K, SZ_64K },
		{ "2M", SZ_2M, SZ_2M, SZ_2M },
		{ "2M but a page", SZ_2M, SZ_2M, SZ_2M - SZ_4K },
		{ "2M and a page", SZ_2M, SZ_2M, SZ_2M + SZ_4K },
		{ "2M from a page", SZ_2M, SZ_4K, SZ_2M },
		{ "2M in table", SZ_2M - SZ_64K, SZ_64K, SZ_4M },
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		err = __window(vm, obj, TEST_ADDRESS + rows[i].skew,
			       rows[i].offset, rows[i].length);
		if (err) {
			pr_err("%s failed for %s\n", __func__, rows[i].name);
			return err;
		}
	}

	return 0;
}

enum kind { INTERNAL, SHMEM, LMEM };

static struct drm_i915_gem_object *object_create(struct drm_i915_private *i915,
						 enum kind kind, u64 size)
{
	struct drm_i915_gem_object *obj;
	int err;

	if (kind == LMEM)
		obj = i915_gem_object_create_lmem(i915, size, 0);
	else if (kind == SHMEM)
		obj = i915_gem_object_create_shmem(i915, size);
	else
		obj = i915_gem_object_create_internal(i915, size);
	if (IS_ERR(obj))
		return obj;

	/* So that the test may look at them whenever it likes. */
	err = i915_gem_object_pin_pages_unlocked(obj);
	if (err) {
		i915_gem_object_put(obj);
		return ERR_PTR(err);
	}

	return obj;
}

static int igt_vm_bind_window(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	enum kind kind;
	int err = 0;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	for (kind = INTERNAL; kind <= LMEM && !err; kind++) {
		if (kind == LMEM && !HAS_LMEM(i915))
			break;

		obj = object_create(i915, kind, TEST_SIZE);
		if (IS_ERR(obj)) {
			err = PTR_ERR(obj);
			break;
		}

		err = window_object(vm, obj);
		i915_gem_object_unpin_pages(obj);
		i915_gem_object_put(obj);
	}

	i915_vm_put(vm);
	return err;
}

/* Fences that signal when the test says so. */
struct igt_fence {
	struct dma_fence base;
	spinlock_t lock; /* of @base */
};

static const char *igt_fence_name(struct dma_fence *fence)
{
	return "igt";
}

static const struct dma_fence_ops igt_fence_ops = {
	.get_driver_name = igt_fence_name,
	.get_timeline_name = igt_fence_name,
};

static struct dma_fence *igt_fence_create(void)
{
	struct igt_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;

	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &igt_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	return &fence->base;
}

/* As EXECBUFFER3 does; the objects have to be mapped. */
static int vm_make_busy(struct i915_address_space *vm, struct dma_fence *fence)
{
	struct i915_gem_ww_ctx ww;
	int err;

	for_i915_gem_ww(&ww, err, false) {
		err = i915_vm_bind_validate(vm->vm_bind, &ww, 1);
		if (!err)
			i915_vm_bind_add_fence(vm->vm_bind, fence);
	}

	return err;
}

static int unbind(struct drm_i915_gem_object *obj, unsigned long flags)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = i915_gem_object_unbind(obj, flags);
	i915_gem_object_unlock(obj);

	return err;
}

static int __evict(struct i915_address_space *vm,
		   struct drm_i915_gem_object *obj, struct dma_fence *fence)
{
	const u64 size = obj->base.size;
	struct dma_fence *stub;
	int err;

	err = map(vm, obj, TEST_ADDRESS, 0, size);
	if (!err)
		err = vm_make_busy(vm, fence);
	if (err)
		return err;

	/* Busy: neither pages nor page tables may change. */
	if (unbind(obj, 0) != -EBUSY)
		return -EINVAL;
	err = check_mapped(vm, obj, TEST_ADDRESS, 0, size);
	if (err)
		return err;

	/* Idle, but bound. */
	dma_fence_signal(fence);
	if (unbind(obj, I915_GEM_OBJECT_UNBIND_TEST) != -EBUSY)
		return -EINVAL;

	err = unbind(obj, 0);
	if (!err)
		err = check_cleared(vm, TEST_ADDRESS, size);
	if (err)
		return err;

	/* The mapping is still there, and so is what it takes. */
	if (map(vm, obj, TEST_ADDRESS, 0, SZ_4K) != -ENOSPC)
		return -EINVAL;

	stub = dma_fence_get_stub();
	err = vm_make_busy(vm, stub);
	dma_fence_put(stub);
	if (err)
		return err;

	return check_mapped(vm, obj, TEST_ADDRESS, 0, size);
}

static int igt_vm_bind_evict(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	struct dma_fence *fence;
	int err;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	err = -ENOMEM;
	fence = igt_fence_create();
	if (!fence)
		goto out_vm;

	obj = object_create(i915, INTERNAL, SZ_64K + SZ_4K);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out_fence;
	}

	err = __evict(vm, obj, fence);

	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
out_fence:
	dma_fence_signal(fence);
	dma_fence_put(fence);
out_vm:
	i915_vm_put(vm);
	return err;
}

#define LAYOUT_SLOTS	6
#define LAYOUT_SIZE	(LAYOUT_SLOTS * SZ_2M)
#define LAYOUT_DMA	SZ_1G
#define SLOT_PAGES	(SZ_2M / SZ_4K)

/*
 * The pages of an object of which each 2 MiB are a huge page if their bit in
 * page_mask is set, and single pages, the last one first, if it is not. Huge pages
 * that follow one another are one run, as elsewhere. Nobody looks at the memory,
 * so there is none.
 */
static unsigned int layout_run(struct scatterlist *sg, unsigned long huge,
			       unsigned int page)
{
	const unsigned int slot = page / SLOT_PAGES;
	unsigned int count = 1, first = page;

	if (test_bit(slot, &huge)) {
		count = find_next_zero_bit(&huge, LAYOUT_SLOTS, slot) - slot;
		count *= SLOT_PAGES;
	} else {
		first = slot * SLOT_PAGES + SLOT_PAGES - 1 - page % SLOT_PAGES;
	}

	sg->length = count * SZ_4K;
	sg_dma_address(sg) = LAYOUT_DMA + first * SZ_4K;
	sg_dma_len(sg) = sg->length;
	return count;
}

static int layout_get_pages(struct drm_i915_gem_object *obj)
{
	const unsigned int count = obj->base.size >> PAGE_SHIFT;
	struct scatterlist *sg, *last = NULL;
	struct sg_table *pages;
	unsigned int page;

	pages = kmalloc(sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;

	if (sg_alloc_table(pages, count, GFP_KERNEL)) {
		kfree(pages);
		return -ENOMEM;
	}

	for (page = 0, sg = pages->sgl; page < count; sg = sg_next(sg)) {
		page += layout_run(sg, obj->mm.page_mask, page);
		last = sg;
	}
	sg_mark_end(last);

	__i915_gem_object_set_pages(obj, pages);
	return 0;
}

static void layout_put_pages(struct drm_i915_gem_object *obj,
			     struct sg_table *pages)
{
	sg_free_table(pages);
	kfree(pages);
	obj->mm.dirty = false;
}

static const struct drm_i915_gem_object_ops layout_ops = {
	.name = "igt-layout",
	.get_pages = layout_get_pages,
	.put_pages = layout_put_pages,
};

static struct drm_i915_gem_object *
layout_create(struct drm_i915_private *i915)
{
	static struct lock_class_key lock_class;
	struct drm_i915_gem_object *obj = i915_gem_object_alloc();

	if (!obj)
		return ERR_PTR(-ENOMEM);

	drm_gem_private_object_init(&i915->drm, &obj->base, LAYOUT_SIZE);
	i915_gem_object_init(obj, &layout_ops, &lock_class, 0);
	obj->pat_index = i915_gem_get_pat_index(i915, I915_CACHE_NONE);
	return obj;
}

static int layout_drop(struct drm_i915_gem_object *obj)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = i915_gem_object_unbind(obj, 0);
	if (!err)
		err = __i915_gem_object_put_pages(obj);
	i915_gem_object_unlock(obj);

	return err;
}

static int layout_rebind(struct i915_address_space *vm)
{
	struct dma_fence *stub = dma_fence_get_stub();
	int err;

	err = vm_make_busy(vm, stub);
	dma_fence_put(stub);
	return err;
}

static int layout_check(struct i915_address_space *vm,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length)
{
	int err;

	err = i915_gem_object_pin_pages_unlocked(obj);
	if (err)
		return err;

	err = check_mapped(vm, obj, start, offset, length);
	i915_gem_object_unpin_pages(obj);
	return err;
}

static const u8 layouts[] = { 0x3f, 0x00, 0x2a, 0x15, 0x1c, 0x3f };

/* The first bind of an address space has no page table to spare. */
static int layout_count(struct drm_i915_private *i915,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length)
{
	struct i915_address_space *vm;
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(layouts) && !err; i++) {
		vm = vm_create(i915);
		if (IS_ERR(vm))
			return PTR_ERR(vm);

		obj->mm.page_mask = layouts[i];
		err = map(vm, obj, start, offset, length);
		if (!err && (vm->vm_bind->num_spare[0] ||
			     vm->vm_bind->num_spare[1])) {
			pr_err("layout %x: %u page tables and %u directories too many\n",
			       layouts[i], vm->vm_bind->num_spare[0],
			       vm->vm_bind->num_spare[1]);
			err = -EINVAL;
		}
		if (!err)
			err = layout_drop(obj);

		i915_vm_put(vm);
		i915_vm_bind_flush_release();
	}

	return err;
}

/* Each time that the pages come back, other ones of them are huge. */
static int layout_window(struct i915_address_space *vm,
			 struct drm_i915_gem_object *obj,
			 u64 start, u64 offset, u64 length)
{
	unsigned int i;
	int err;

	obj->mm.page_mask = layouts[0];
	err = map(vm, obj, start, offset, length);
	if (err)
		return err;

	for (i = 0; ; ) {
		err = layout_check(vm, obj, start, offset, length);
		if (err) {
			pr_err("layout %x at %llx, from %llx, %llx bytes\n",
			       layouts[i], start, offset, length);
			return err;
		}

		if (++i == ARRAY_SIZE(layouts))
			break;

		err = layout_drop(obj);
		if (!err)
			err = check_cleared(vm, start, length);
		if (err)
			return err;

		obj->mm.page_mask = layouts[i];
		err = layout_rebind(vm);
		if (err)
			return err;
	}

	err = unmap(vm, start, length);
	if (!err)
		err = check_cleared(vm, start, length);
	if (!err)
		err = layout_drop(obj);
	return err;
}

static int igt_vm_bind_leaves(void *arg)
{
	static const struct {
		u64 skew; /* of the address */
		u64 offset;
		u64 length;
	} rows[] = {
		{ 0, 0, LAYOUT_SIZE },
		{ SZ_4K, 0, LAYOUT_SIZE },
		{ SZ_4K, SZ_4K, LAYOUT_SIZE - 2 * SZ_4K },
		{ SZ_2M, SZ_2M, SZ_4M },
		{ SZ_2M, 0, SZ_4M + SZ_4K },
		{ SZ_2M - SZ_64K, SZ_4M - SZ_64K, SZ_4M },
		{ 0, SZ_4K, SZ_4M },
	};
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int i, err = 0;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = layout_create(i915);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	for (i = 0; i < ARRAY_SIZE(rows) && !err; i++) {
		err = layout_window(vm, obj, TEST_ADDRESS + rows[i].skew,
				    rows[i].offset, rows[i].length);
		if (!err)
			err = layout_count(i915, obj,
					   TEST_ADDRESS + rows[i].skew,
					   rows[i].offset, rows[i].length);
	}

	i915_gem_object_put(obj);
out:
	i915_vm_put(vm);
	return err;
}

static const struct i915_page_table *
table_at(struct i915_address_space *vm, u64 addr)
{
	struct i915_page_directory *pd = i915_vm_to_ppgtt(vm)->pd;
	unsigned int lvl;

	for (lvl = vm->top; lvl > 1; lvl--)
		pd = i915_pd_entry(pd, addr >> (12 + 9 * lvl) & 511);

	return i915_pt_entry(pd, addr >> 21 & 511);
}

static int map_and_unmap(struct i915_address_space *vm,
			 struct drm_i915_gem_object *obj,
			 const struct i915_page_table **pt)
{
	int err;

	err = map(vm, obj, TEST_ADDRESS, 0, SZ_4K);
	if (err)
		return err;

	*pt = table_at(vm, TEST_ADDRESS);
	err = check_mapped(vm, obj, TEST_ADDRESS, 0, SZ_4K);
	if (!err)
		err = unmap(vm, TEST_ADDRESS, SZ_4K);
	return err;
}

/* With the GT awake, it forgets what a walk has found only when told to. */
static int __spare(struct i915_address_space *vm,
		   struct drm_i915_gem_object *obj)
{
	const u32 seqno = intel_gt_tlb_seqno(vm->gt);
	const struct i915_page_table *pt, *next;
	unsigned int kept;
	int i, err;

	err = map_and_unmap(vm, obj, &pt);
	if (!err)
		err = map_and_unmap(vm, obj, &next);
	if (err)
		return err;

	if (pt == next && intel_gt_tlb_seqno(vm->gt) == seqno) {
		pr_err("a page table was used again too early\n");
		return -EINVAL;
	}

	/* Twice, as the first one counts as under way already. */
	for (i = 0; i < 2; i++) {
		const u32 now = intel_gt_next_invalidate_tlb_full(vm->gt);

		intel_gt_invalidate_tlb_full(vm->gt, now);
	}

	kept = vm->vm_bind->num_spare[0];
	err = map_and_unmap(vm, obj, &pt);
	if (!err && (!kept || vm->vm_bind->num_spare[0] != kept)) {
		pr_err("no page table was used again\n");
		err = -EINVAL;
	}

	return err;
}

/* Page tables that an unbind emptied are there for the next bind. */
static int igt_vm_bind_spare(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	intel_wakeref_t wakeref;
	int err;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = object_create(i915, INTERNAL, SZ_4K);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	i915_gem_drain_freed_objects(i915); /* they invalidate TLBs, too */
	with_intel_gt_pm(to_gt(i915), wakeref)
		err = __spare(vm, obj);

	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
out:
	i915_vm_put(vm);
	return err;
}

/* VM_UNBIND and GEM_CLOSE under a batch that runs: its pages have to stay. */
static int __busy_free(struct drm_i915_private *i915,
		       struct i915_address_space *vm,
		       struct drm_i915_gem_object *obj, struct dma_fence *fence)
{
	struct page *page = i915_gem_object_get_page(obj, 0);
	int err, held;

	get_page(page);

	err = map(vm, obj, TEST_ADDRESS, 0, SZ_4K);
	if (!err)
		err = vm_make_busy(vm, fence);
	if (!err)
		err = unmap(vm, TEST_ADDRESS, SZ_4K);
	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
	if (err)
		goto out;

	flush_work(&i915->mm.free_work);
	held = page_count(page);

	dma_fence_signal(fence);
	i915_gem_drain_freed_objects(i915);

	if (held != 2 || page_count(page) != 1) {
		pr_err("%d references while busy, %d when freed\n",
		       held, page_count(page));
		err = -EINVAL;
	}
out:
	put_page(page);
	return err;
}

static int igt_vm_bind_busy_free(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	struct dma_fence *fence;
	int err;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	err = -ENOMEM;
	fence = igt_fence_create();
	if (!fence)
		goto out_vm;

	obj = object_create(i915, INTERNAL, SZ_4K);
	err = IS_ERR(obj) ? PTR_ERR(obj) : __busy_free(i915, vm, obj, fence);

	dma_fence_signal(fence);
	dma_fence_put(fence);
out_vm:
	i915_vm_put(vm);
	return err;
}

/* As I915_GEM_CREATE_EXT_VM_PRIVATE does, while nobody knows of it. */
static void object_make_private(struct drm_i915_gem_object *obj,
				struct i915_address_space *vm)
{
	obj->base.resv = i915_vm_resv_get(vm);
	obj->shares_resv_from = vm;
}

static bool page_is_released(struct drm_i915_private *i915, struct page *page,
			     unsigned int ms)
{
	do {
		flush_work(&i915->mm.free_work);
		if (page_count(page) == 1)
			return true;
		msleep(20);
	} while (ms -= 20);

	return false;
}

/* What follows in its address space is none of a freed object's business. */
static int __private_free(struct drm_i915_private *i915,
			  struct i915_address_space *vm,
			  struct drm_i915_gem_object *obj,
			  struct dma_fence *before, struct dma_fence *after)
{
	struct page *page = i915_gem_object_get_page(obj, 0);
	int err;

	get_page(page);

	err = map(vm, obj, TEST_ADDRESS, 0, SZ_4K);
	if (!err)
		err = vm_make_busy(vm, before);
	if (!err)
		err = unmap(vm, TEST_ADDRESS, SZ_4K);
	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
	if (err)
		goto out;

	if (page_is_released(i915, page, 60)) {
		pr_err("released while in use\n");
		err = -EINVAL;
	}

	if (!err)
		err = vm_make_busy(vm, after);
	dma_fence_signal(before);
	if (!err && !page_is_released(i915, page, 2000)) {
		pr_err("kept by what came later\n");
		err = -EINVAL;
	}
out:
	put_page(page);
	return err;
}

static int igt_vm_bind_private_free(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct dma_fence *before, *after;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err = -ENOMEM;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	before = igt_fence_create();
	after = igt_fence_create();
	if (!before || !after)
		goto out;

	obj = object_create(i915, INTERNAL, SZ_4K);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	object_make_private(obj, vm);
	err = __private_free(i915, vm, obj, before, after);
out:
	if (before)
		dma_fence_signal(before);
	if (after)
		dma_fence_signal(after);
	dma_fence_put(before);
	dma_fence_put(after);
	i915_gem_drain_freed_objects(i915);
	i915_vm_put(vm);
	return err;
}

/* A syncobj for each of the calls below. */
enum { BIND, BIND_OTHER, UNBIND, NOTHING, CALLS };

/* As I915_GEM_CREATE_EXT_VM_PRIVATE does, with nothing allocated yet. */
static struct drm_i915_gem_object *
local_create_private(struct drm_i915_private *i915,
		     struct i915_address_space *vm)
{
	struct drm_i915_gem_object *obj;

	obj = i915_gem_object_create_lmem(i915, SZ_2M, I915_BO_ALLOC_USER);
	if (IS_ERR(obj))
		return obj;

	i915_gem_object_lock(obj, NULL);
	obj->shares_resv_from = vm;
	i915_ttm_share_resv(obj, i915_vm_resv_get(vm));

	return obj;
}

static int __local_busy(struct drm_i915_private *i915,
			struct i915_address_space *vm,
			bool gpu_fails, bool memory_fails)
{
	struct drm_i915_gem_object *obj;
	int err;

	obj = local_create_private(i915, vm);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	i915_ttm_migrate_set_failure_modes(gpu_fails, memory_fails);
	err = map(vm, obj, TEST_ADDRESS, 0, SZ_2M);
	i915_ttm_migrate_set_failure_modes(false, false);
	if (err)
		goto out;

	i915_gem_object_lock(obj, NULL);
	if (!i915_gem_object_is_lmem(obj)) {
		pr_err("bound while TTM still waited for the address space\n");
		err = -EINVAL;
	}
	i915_gem_object_unlock(obj);

	if (!err)
		err = check_mapped(vm, obj, TEST_ADDRESS, 0, SZ_2M);
	if (!err)
		err = unmap(vm, TEST_ADDRESS, SZ_2M);
out:
	i915_gem_object_put(obj);
	return err;
}

/*
 * Local memory is cleared by the GPU. However that ends, and if nobody can be
 * told later: no batch of the address space is waited for.
 */
static int igt_vm_bind_local_busy(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct i915_address_space *vm;
	struct dma_fence *fence;
	unsigned int i;
	int err;

	if (!HAS_LMEM(i915))
		return 0;

	vm = vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	err = -ENOMEM;
	fence = igt_fence_create();
	if (!fence)
		goto out_vm;

	err = vm_make_busy(vm, fence);
	for (i = 0; !err && i < 4; i++)
		err = __local_busy(i915, vm, i & 1, i & 2);

	dma_fence_signal(fence);
	dma_fence_put(fence);
out_vm:
	i915_vm_put(vm);
	return err;
}

struct pending {
	struct i915_address_space *vm;
	struct drm_i915_gem_object *obj, *other;
	struct i915_timeline_fence out[CALLS];
};

#define OTHER_ADDRESS	(TEST_ADDRESS + SZ_1G)

static int add_move(struct drm_i915_gem_object *obj, struct dma_fence *fence)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = dma_resv_reserve_fences(obj->base.resv, 1);
	if (!err)
		dma_resv_add_fence(obj->base.resv, fence,
				   DMA_RESV_USAGE_KERNEL);
	i915_gem_object_unlock(obj);

	return err;
}

/* None of these may wait for the pages to arrive. */
static int pending_queue(struct pending *p)
{
	struct i915_vm_bind *vb = p->vm->vm_bind;
	int err;

	err = i915_vm_bind_map(vb, p->obj, TEST_ADDRESS, 0, SZ_64K, 0,
			       &p->out[BIND]);
	if (!err)
		err = i915_vm_bind_map(vb, p->other, OTHER_ADDRESS, 0, SZ_64K,
				       0, &p->out[BIND_OTHER]);
	if (!err)
		err = i915_vm_bind_unmap(vb, OTHER_ADDRESS, SZ_64K,
					 &p->out[UNBIND]);
	if (!err)
		err = i915_vm_bind_unmap(vb, OTHER_ADDRESS, SZ_64K,
					 &p->out[NOTHING]);

	return err;
}

static int pending_count(struct pending *p)
{
	struct dma_fence *fence;
	int i, count = 0;

	for (i = 0; i < CALLS; i++) {
		fence = drm_syncobj_fence_get(p->out[i].syncobj);
		count += fence && !dma_fence_is_signaled(fence);
		dma_fence_put(fence);
	}

	return count;
}

static int pending_check(struct pending *p)
{
	if (pending_count(p) != CALLS) {
		pr_err("%d of %d calls are pending\n", pending_count(p), CALLS);
		return -EINVAL;
	}

	/* The pages must not go, nor the mapping, before the job has run. */
	if (unbind(p->obj, 0) != -EBUSY)
		return -EINVAL;

	if (map(p->vm, p->obj, TEST_ADDRESS, 0, SZ_4K) != -ENOSPC)
		return -EINVAL;

	return check_cleared(p->vm, TEST_ADDRESS, SZ_64K);
}

static int pending_wait(struct pending *p)
{
	struct dma_fence *fence;
	int i, err = 0;

	for (i = 0; i < CALLS && !err; i++) {
		fence = drm_syncobj_fence_get(p->out[i].syncobj);
		if (dma_fence_wait_timeout(fence, false, 10 * HZ) <= 0)
			err = -ETIME;
		else if (fence->error)
			err = fence->error; /* of another's */
		dma_fence_put(fence);
		if (err)
			pr_err("call %d: %d\n", i, err);
	}

	return err;
}

/* A batch that is submitted now has to find what is bound by then. */
static struct i915_request *pending_request(struct pending *p)
{
	struct i915_vm_bind *vb = p->vm->vm_bind;
	struct intel_engine_cs *engine =
		intel_selftest_find_any_engine(to_gt(p->vm->i915));
	struct i915_request *rq;
	int err;

	rq = intel_engine_create_kernel_request(engine);
	if (IS_ERR(rq))
		return rq;

	i915_gem_object_lock(vb->root, NULL);
	err = i915_vm_bind_await(vb, rq);
	i915_gem_object_unlock(vb->root);

	i915_request_get(rq);
	i915_request_add(rq);
	if (err) {
		i915_request_put(rq);
		return ERR_PTR(err);
	}

	return rq;
}

static int __pending(struct pending *p, struct dma_fence *move)
{
	struct i915_request *rq;
	int err;

	err = add_move(p->obj, move);
	if (err)
		return err;

	err = pending_queue(p);
	if (!err)
		err = pending_check(p);

	rq = pending_request(p);
	if (!err && (IS_ERR(rq) || i915_request_wait(rq, 0, HZ / 10) != -ETIME))
		err = -EINVAL;

	dma_fence_set_error(move, -EIO);
	dma_fence_signal(move);

	if (!IS_ERR(rq)) {
		if (i915_request_wait(rq, 0, 10 * HZ) < 0)
			err = -ETIME;
		i915_request_put(rq);
	}
	if (err)
		return err;

	err = pending_wait(p);
	if (!err)
		err = check_mapped(p->vm, p->obj, TEST_ADDRESS, 0, SZ_64K);
	if (!err)
		err = check_cleared(p->vm, OTHER_ADDRESS, SZ_64K);

	return err;
}

static void pending_fini(struct pending *p)
{
	int i;

	for (i = 0; i < CALLS; i++)
		i915_timeline_fence_put(&p->out[i]);

	if (p->other) {
		i915_gem_object_unpin_pages(p->other);
		i915_gem_object_put(p->other);
	}
	if (p->obj) {
		i915_gem_object_unpin_pages(p->obj);
		i915_gem_object_put(p->obj);
	}
	if (p->vm)
		i915_vm_put(p->vm);
}

static int pending_init(struct pending *p, struct drm_i915_private *i915)
{
	int i, err;

	p->vm = vm_create(i915);
	if (IS_ERR(p->vm))
		return PTR_ERR(fetch_and_zero(&p->vm));

	p->obj = object_create(i915, INTERNAL, SZ_64K);
	if (IS_ERR(p->obj))
		return PTR_ERR(fetch_and_zero(&p->obj));

	p->other = object_create(i915, SHMEM, SZ_64K);
	if (IS_ERR(p->other))
		return PTR_ERR(fetch_and_zero(&p->other));

	for (i = 0; i < CALLS; i++) {
		err = drm_syncobj_create(&p->out[i].syncobj, 0, NULL);
		if (err)
			return err;
	}

	return 0;
}

/* With an out-fence, a call returns while the pages are still on their way. */
static int igt_vm_bind_pending(void *arg)
{
	struct pending p = {};
	struct dma_fence *move;
	int err;

	move = igt_fence_create();
	if (!move)
		return -ENOMEM;

	err = pending_init(&p, arg);
	if (!err)
		err = __pending(&p, move);

	pending_fini(&p);
	dma_fence_put(move);
	return err;
}

/* The last reference of an address space takes its mappings down. */
static int igt_vm_bind_teardown(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err, i;

	obj = object_create(i915, INTERNAL, SZ_64K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	vm = vm_create(i915);
	if (IS_ERR(vm)) {
		err = PTR_ERR(vm);
		goto out_obj;
	}

	for (i = 0, err = 0; i < 16 && !err; i++)
		err = map(vm, obj, TEST_ADDRESS + (u64)i * SZ_1G, i * SZ_4K,
			  SZ_4K);

	if (!err && list_empty(&obj->base.gpuva.list))
		err = -EINVAL;

	i915_vm_put(vm);
	i915_vm_bind_flush_release();

	if (!err && !list_empty(&obj->base.gpuva.list)) {
		pr_err("mappings outlived their address space\n");
		err = -EINVAL;
	}
out_obj:
	i915_gem_object_unpin_pages(obj);
	i915_gem_object_put(obj);
	return err;
}

/* What GEM_VM_CREATE and GETPARAM go by, for platforms that nobody has at hand */
static int igt_vm_bind_supported(void *arg)
{
	static const struct {
		u8 graphics_ver;
		enum intel_ppgtt_type ppgtt;
		bool supported;
	} rows[] = {
		{ 7, INTEL_PPGTT_ALIASING, false },
		{ 8, INTEL_PPGTT_FULL, false },
		{ 11, INTEL_PPGTT_FULL, false },
		{ 12, INTEL_PPGTT_NONE, false },
		{ 12, INTEL_PPGTT_ALIASING, false },
		{ 12, INTEL_PPGTT_FULL, true },
		{ 13, INTEL_PPGTT_FULL, true },
	};
	struct drm_i915_private *i915 = arg;
	struct intel_runtime_info *info = RUNTIME_INFO(i915);
	const struct intel_runtime_info saved = *info;
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		info->graphics.ip.ver = rows[i].graphics_ver;
		info->ppgtt_type = rows[i].ppgtt;
		if (i915_vm_bind_is_supported(i915) == rows[i].supported)
			continue;

		pr_err("graphics version %u with PPGTT %d is%s supported\n",
		       rows[i].graphics_ver, rows[i].ppgtt,
		       rows[i].supported ? " not" : "");
		err = -EINVAL;
	}

	*info = saved;
	return err;
}

int i915_gem_vm_bind_mock_selftests(void)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_supported),
	};
	struct drm_i915_private *i915;
	int err;

	i915 = mock_gem_device();
	if (!i915)
		return -ENOMEM;

	err = i915_subtests(tests, i915);

	mock_destroy_device(i915);
	return err;
}

int i915_gem_vm_bind_live_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_window),
		SUBTEST(igt_vm_bind_evict),
		SUBTEST(igt_vm_bind_leaves),
		SUBTEST(igt_vm_bind_spare),
		SUBTEST(igt_vm_bind_busy_free),
		SUBTEST(igt_vm_bind_private_free),
		SUBTEST(igt_vm_bind_local_busy),
		SUBTEST(igt_vm_bind_pending),
		SUBTEST(igt_vm_bind_teardown),
	};

	if (!i915_vm_bind_is_supported(i915))
		return 0;

	return i915_live_subtests(tests, i915);
}
