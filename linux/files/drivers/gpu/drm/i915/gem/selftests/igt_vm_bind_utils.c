// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>

#include "gem/i915_gem_internal.h"
#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_object.h"
#include "gem/i915_gem_timeline_fence.h"
#include "gem/i915_gem_vm_bind_internal.h"
#include "gt/gen8_ppgtt.h"
#include "gt/intel_gt.h"
#include "gt/intel_gtt.h"
#include "i915_drv.h"
#include "i915_gem_ww.h"

#include "igt_vm_bind_utils.h"

struct i915_address_space *igt_vm_create(struct drm_i915_private *i915)
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

#define ENTRY_ADDRESS	GENMASK_ULL(45, 12)
#define ENTRY_ALLOWS	(GEN8_PAGE_PRESENT | GEN8_PAGE_RW)

/*
 * The entry for the page at @addr, as if it were one of 4 KiB: an independent
 * reading of what the writers of gen8_ppgtt.c wrote. 0 where the tables
 * contradict themselves.
 */
static u64 walk(struct i915_address_space *vm, u64 addr)
{
	struct i915_page_directory *pd = i915_vm_to_ppgtt(vm)->pd;
	unsigned int lvl, idx;
	u64 pde, *pt;
	bool is_leaf;

	for (lvl = vm->top; ; lvl--) {
		idx = addr >> (12 + 9 * lvl) & 511;
		pde = ((u64 *)px_vaddr(pd))[idx];

		if (!pd->entry[idx])
			return pde == vm->scratch[lvl]->encode ?
				vm->scratch[0]->encode : 0;

		if ((pde & ENTRY_ALLOWS) != ENTRY_ALLOWS)
			return 0;

		if (lvl == 1)
			break;

		pd = pd->entry[idx];
	}

	/* A 2 MiB entry has no page table, and nothing else has none. */
	is_leaf = pd->entry[idx] == GEN8_LEAF;
	if (is_leaf != !!(pde & GEN8_PDE_PS_2M))
		return 0;

	addr &= SZ_2M - SZ_4K;
	if (is_leaf)
		return (pde & ~(u64)GEN8_PDE_PS_2M) + addr;

	pt = px_vaddr(i915_pt_entry(pd, idx));
	if (pde & GEN8_PDE_IPS_64K)
		return pt[addr >> 12 & ~15] + (addr & (SZ_64K - 1));

	return pt[addr >> 12];
}

/* "Page Table Entry", PRM Volume 7: what there has to be, bit by bit. */
static u64 entry_of(struct drm_i915_gem_object *obj, dma_addr_t dma)
{
	u64 entry = dma | ENTRY_ALLOWS;

	if (i915_gem_object_is_lmem(obj))
		entry |= GEN12_PPGTT_PTE_LM;
	if (obj->pat_index & 1)
		entry |= GEN12_PPGTT_PTE_PAT0;
	if (obj->pat_index & 2)
		entry |= GEN12_PPGTT_PTE_PAT1;
	if (obj->pat_index & 4)
		entry |= GEN12_PPGTT_PTE_PAT2;
	if (obj->pat_index & 8)
		entry |= MTL_PPGTT_PTE_PAT3;

	return entry;
}

static int check_scratch(struct i915_address_space *vm, u64 addr)
{
	if (walk(vm, addr) == vm->scratch[0]->encode)
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

int igt_vm_check_mapped(struct i915_address_space *vm,
			struct drm_i915_gem_object *obj,
			u64 start, u64 offset, u64 length)
{
	u64 i;

	for (i = 0; i < length; i += SZ_4K) {
		const pgoff_t page = (offset + i) >> PAGE_SHIFT;
		dma_addr_t dma = i915_gem_object_get_dma_address(obj, page);
		u64 want = entry_of(obj, dma), got = walk(vm, start + i);

		if (got != want) {
			pr_err("%llx (page %lu) has %llx, not %llx\n",
			       start + i, page, got, want);
			return -EINVAL;
		}
	}

	if (check_scratch(vm, start - SZ_4K) ||
	    check_scratch(vm, start + length))
		return -EINVAL;

	return check_tables(vm, obj, start, offset, length);
}

int igt_vm_check_cleared(struct i915_address_space *vm, u64 start, u64 length)
{
	u64 i;

	for (i = 0; i < length; i += SZ_4K)
		if (check_scratch(vm, start + i))
			return -EINVAL;

	return 0;
}

int igt_vm_map(struct i915_address_space *vm, struct drm_i915_gem_object *obj,
	       u64 start, u64 offset, u64 length)
{
	struct i915_timeline_fence none = {};

	return i915_vm_bind_map(vm->vm_bind, obj, start, offset, length, 0,
				&none);
}

int igt_vm_unmap(struct i915_address_space *vm, u64 start, u64 length)
{
	struct i915_timeline_fence none = {};

	return i915_vm_bind_unmap(vm->vm_bind, start, length, &none);
}

struct drm_i915_gem_object *igt_vm_object_create(struct drm_i915_private *i915,
						 enum igt_vm_object kind,
						 u64 size)
{
	struct drm_i915_gem_object *obj;
	int err;

	if (kind == IGT_LMEM)
		obj = i915_gem_object_create_lmem(i915, size, 0);
	else if (kind == IGT_SHMEM)
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

struct dma_fence *igt_fence_create(void)
{
	struct igt_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;

	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &igt_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	return &fence->base;
}

/* As EXECBUFFER3 does, with the device awake; the objects have to be mapped. */
int igt_vm_make_busy(struct i915_address_space *vm, struct dma_fence *fence)
{
	struct intel_runtime_pm *rpm = &vm->i915->runtime_pm;
	intel_wakeref_t wakeref = intel_runtime_pm_get(rpm);
	struct i915_gem_ww_ctx ww;
	int err;

	for_i915_gem_ww(&ww, err, false) {
		err = i915_vm_bind_validate(vm->vm_bind, &ww, 1);
		if (!err)
			i915_vm_bind_add_fence(vm->vm_bind, fence);
	}

	intel_runtime_pm_put(rpm, wakeref);
	return err;
}

/* What was evicted is bound again. */
int igt_vm_rebind(struct i915_address_space *vm)
{
	struct dma_fence *stub = dma_fence_get_stub();
	int err;

	err = igt_vm_make_busy(vm, stub);
	dma_fence_put(stub);
	return err;
}

u64 igt_vm_entry(struct i915_address_space *vm, u64 addr)
{
	return walk(vm, addr) & ~ENTRY_ADDRESS;
}

int igt_object_evict(struct drm_i915_gem_object *obj, unsigned long flags)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = i915_gem_object_unbind(obj, flags);
	i915_gem_object_unlock(obj);

	return err;
}

int igt_object_drop_pages(struct drm_i915_gem_object *obj)
{
	int err;

	i915_gem_object_lock(obj, NULL);
	err = i915_gem_object_unbind(obj, 0);
	if (!err)
		err = __i915_gem_object_put_pages(obj);
	i915_gem_object_unlock(obj);

	return err;
}

/* Its pages are on their way until @fence signals. */
int igt_object_add_move(struct drm_i915_gem_object *obj,
			struct dma_fence *fence)
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
