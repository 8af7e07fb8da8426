// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>

#include "gem/i915_gem_domain.h"
#include "gem/i915_gem_object.h"
#include "gem/i915_gem_vm_bind_internal.h"
#include "gt/gen8_ppgtt.h"
#include "gt/intel_gt.h"
#include "gt/intel_gt_pm.h"
#include "gt/intel_gtt.h"
#include "gt/intel_tlb.h"
#include "i915_drv.h"
#include "i915_selftest.h"
#include "i915_vma.h"
#include "selftests/mock_gem_device.h"

#include "igt_vm_bind_utils.h"

/* What the page tables hold, where they come from, and when they go. */

#define TEST_SIZE	(SZ_4M + SZ_2M + 5 * SZ_4K)

static int __window(struct i915_address_space *vm,
		    struct drm_i915_gem_object *obj,
		    u64 start, u64 offset, u64 length)
{
	int err;

	err = igt_vm_map(vm, obj, start, offset, length);
	if (err)
		return err;

	err = igt_vm_check_mapped(vm, obj, start, offset, length);
	if (err)
		return err;

	obj->mm.tlb[vm->gt->info.id] = 0;
	err = igt_vm_unmap(vm, start, length);
	if (err)
		return err;

	if (!obj->mm.tlb[vm->gt->info.id]) {
		pr_err("the pages would be released with the TLB as it is\n");
		return -EINVAL;
	}

	return igt_vm_check_cleared(vm, start, length);
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
		err = __window(vm, obj, IGT_VM_ADDRESS + rows[i].skew,
			       rows[i].offset, rows[i].length);
		if (err) {
			pr_err("%s failed for %s\n", __func__, rows[i].name);
			return err;
		}
	}

	return 0;
}

static int igt_vm_bind_window(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	enum igt_vm_object kind;
	int err = 0;

	vm = igt_vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	for (kind = IGT_INTERNAL; kind <= IGT_LMEM && !err; kind++) {
		if (kind == IGT_LMEM && !HAS_LMEM(i915))
			break;

		obj = igt_vm_object_create(i915, kind, TEST_SIZE);
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

static int layout_check(struct i915_address_space *vm,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length)
{
	int err;

	err = i915_gem_object_pin_pages_unlocked(obj);
	if (err)
		return err;

	err = igt_vm_check_mapped(vm, obj, start, offset, length);
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
		vm = igt_vm_create(i915);
		if (IS_ERR(vm))
			return PTR_ERR(vm);

		obj->mm.page_mask = layouts[i];
		err = igt_vm_map(vm, obj, start, offset, length);
		if (!err && (vm->vm_bind->num_cached[0] ||
			     vm->vm_bind->num_cached[1])) {
			pr_err("layout %x: %u page tables and %u directories too many\n",
			       layouts[i], vm->vm_bind->num_cached[0],
			       vm->vm_bind->num_cached[1]);
			err = -EINVAL;
		}
		if (!err)
			err = igt_object_drop_pages(obj);

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
	err = igt_vm_map(vm, obj, start, offset, length);
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

		err = igt_object_drop_pages(obj);
		if (!err)
			err = igt_vm_check_cleared(vm, start, length);
		if (err)
			return err;

		obj->mm.page_mask = layouts[i];
		err = igt_vm_rebind(vm);
		if (err)
			return err;
	}

	err = igt_vm_unmap(vm, start, length);
	if (!err)
		err = igt_vm_check_cleared(vm, start, length);
	if (!err)
		err = igt_object_drop_pages(obj);
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

	vm = igt_vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = layout_create(i915);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	for (i = 0; i < ARRAY_SIZE(rows) && !err; i++) {
		err = layout_window(vm, obj, IGT_VM_ADDRESS + rows[i].skew,
				    rows[i].offset, rows[i].length);
		if (!err)
			err = layout_count(i915, obj,
					   IGT_VM_ADDRESS + rows[i].skew,
					   rows[i].offset, rows[i].length);
	}

	i915_gem_object_put(obj);
out:
	i915_vm_put(vm);
	return err;
}

static int set_caching(struct drm_i915_gem_object *obj,
		       enum i915_cache_level level)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = i915_gem_object_set_cache_level(obj, level);
	i915_gem_object_unlock(obj);

	return err;
}

/* Bits of the entry, with the indices in the PAT that Tiger Lake has for these. */
static int __caching(struct i915_address_space *vm,
		     struct drm_i915_gem_object *obj)
{
	static const struct {
		enum i915_cache_level level;
		u64 entry;
	} rows[] = {
		{ I915_CACHE_LLC, 0x3 },
		{ I915_CACHE_NONE, 0x1b },
		{ I915_CACHE_WT, 0x13 },
		{ I915_CACHE_LLC, 0x3 },
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		err = set_caching(obj, rows[i].level);
		if (!err)
			err = igt_vm_rebind(vm);
		if (err)
			return err;

		if (igt_vm_entry(vm, IGT_VM_ADDRESS) != rows[i].entry) {
			pr_err("the entry has %llx, not %llx\n",
			       igt_vm_entry(vm, IGT_VM_ADDRESS), rows[i].entry);
			return -EINVAL;
		}
	}

	return 0;
}

/* Entries follow the caching of their object. */
static int igt_vm_bind_caching(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err;

	/* Chooses by itself, or has another PAT. */
	if (IS_DGFX(i915) || GRAPHICS_VER_FULL(i915) >= IP_VER(12, 70))
		return 0;

	vm = igt_vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = igt_vm_object_create(i915, IGT_INTERNAL, SZ_4K);
	if (IS_ERR(obj)) {
		err = PTR_ERR(obj);
		goto out;
	}

	err = igt_vm_map(vm, obj, IGT_VM_ADDRESS, 0, SZ_4K);
	if (!err)
		err = __caching(vm, obj);

	i915_gem_object_unpin_pages(obj);
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

	err = igt_vm_map(vm, obj, IGT_VM_ADDRESS, 0, SZ_4K);
	if (err)
		return err;

	*pt = table_at(vm, IGT_VM_ADDRESS);
	err = igt_vm_check_mapped(vm, obj, IGT_VM_ADDRESS, 0, SZ_4K);
	if (!err)
		err = igt_vm_unmap(vm, IGT_VM_ADDRESS, SZ_4K);
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

	kept = vm->vm_bind->num_cached[0];
	err = map_and_unmap(vm, obj, &pt);
	if (!err && (!kept || vm->vm_bind->num_cached[0] != kept)) {
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

	vm = igt_vm_create(i915);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	obj = igt_vm_object_create(i915, IGT_INTERNAL, SZ_4K);
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

/* The last reference of an address space takes its mappings down. */
static int igt_vm_bind_teardown(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	struct i915_address_space *vm;
	int err, i;

	obj = igt_vm_object_create(i915, IGT_INTERNAL, SZ_64K);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	vm = igt_vm_create(i915);
	if (IS_ERR(vm)) {
		err = PTR_ERR(vm);
		goto out_obj;
	}

	for (i = 0, err = 0; i < 16 && !err; i++)
		err = igt_vm_map(vm, obj, IGT_VM_ADDRESS + (u64)i * SZ_1G,
				 i * SZ_4K, SZ_4K);

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

/* Which invalidation has to come before pages are free: the latest, across a wrap. */
static int igt_vm_bind_tlb_seqno(void *arg)
{
	/* What is noted there already, by how much it is later than what is due now. */
	static const s32 noted[] = { S32_MIN + 1, -2, 0, 2, S32_MAX };
	struct drm_i915_private *i915 = arg;
	struct intel_gt *gt = to_gt(i915);
	const u32 due = intel_gt_next_invalidate_tlb_full(gt);
	int i;

	for (i = 0; i < ARRAY_SIZE(noted); i++) {
		u32 tlb[I915_MAX_GT] = { [0] = due + noted[i] };

		vma_invalidate_tlb(gt->vm, tlb);
		if (tlb[0] != due + max(noted[i], 0)) {
			pr_err("%08x is noted, %08x is due, %08x counts\n",
			       due + noted[i], due, tlb[0]);
			return -EINVAL;
		}
	}

	return 0;
}

int i915_gem_vm_bind_mock_selftests(void)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(igt_vm_bind_supported),
		SUBTEST(igt_vm_bind_tlb_seqno),
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
		SUBTEST(igt_vm_bind_leaves),
		SUBTEST(igt_vm_bind_caching),
		SUBTEST(igt_vm_bind_spare),
		SUBTEST(igt_vm_bind_teardown),
	};
	int err;

	if (!i915_vm_bind_is_supported(i915))
		return 0;

	err = i915_live_subtests(tests, i915);
	if (err)
		return err;

	err = i915_gem_vm_bind_snapshot_selftests(i915);
	if (err)
		return err;

	err = i915_gem_vm_bind_tree_selftests(i915);
	if (err)
		return err;

	err = i915_gem_vm_bind_busy_selftests(i915);
	if (err)
		return err;

	return i915_gem_vm_bind_pending_selftests(i915);
}
