// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/err.h>
#include <linux/spinlock.h>

#include "gt/gen8_ppgtt.h"
#include "gt/intel_gt.h"
#include "gt/intel_gtt.h"
#include "gt/intel_tlb.h"

#include "i915_drv.h"
#include "i915_gem_clflush.h"
#include "i915_gem_lmem.h"
#include "i915_gem_object.h"
#include "i915_gem_vm_bind_internal.h"
#include "i915_vma.h"
#include "i915_vma_resource.h"

/**
 * DOC: VM_BIND page tables
 *
 * The only code of VM_BIND that changes page tables. A change is a &struct
 * i915_vm_bind_update, and has two halves:
 *
 * 1. i915_vm_bind_update_prepare() pins the pages and takes all page tables that
 *    the range may need. It may wait, allocate and fail; nothing is visible yet.
 * 2. i915_vm_bind_update_run() writes the entries. It takes no lock that is held
 *    while memory is allocated, allocates nothing and always completes, so that
 *    a job may call it before it signals its fence.
 *
 * i915_vm_bind_clear() needs no first half: the shrinker, and VM_UNBIND where
 * there is no memory, rely on that.
 *
 * The second half can't allocate, and before it runs, other mappings may add or remove
 * page tables that they share with it. An update therefore takes every page table that
 * its range could need, and most updates use none. Where the pages allow for 2 MiB
 * entries, these need no page table. That is known, as an update pins its pages first.
 *
 * As a table costs more to make than all the rest of a small bind, each address
 * space caches a few: those that were not used, and those that an unbind emptied.
 * The GPU may still know the latter, from its walks, and so they are used again
 * only once its TLB was invalidated. Nobody waits for that: another one is made.
 *
 * Locking: the first half needs the reservations of the address space, under
 * which its page tables are allocated, and of the object. The second half needs
 * neither, as the page tables guard themselves; the caller makes sure that
 * nobody else writes the range.
 */

/* Of each kind: enough for a page anywhere, and for its neighbour. */
#define VM_BIND_PT_MAX_CACHED 4

static void vm_bind_pt_push(struct i915_vm_pt_stash *stash, int kind,
			    struct i915_page_table *pt)
{
	pt->stash = stash->pt[kind];
	stash->pt[kind] = pt;
}

static struct i915_page_table *vm_bind_pt_pop(struct i915_vm_pt_stash *stash,
					      int kind)
{
	struct i915_page_table *pt = stash->pt[kind];

	if (pt)
		stash->pt[kind] = pt->stash;

	return pt;
}

static struct i915_page_table *vm_bind_pt_create(struct i915_address_space *vm,
						 int kind)
{
	struct i915_page_directory *pd;
	struct i915_page_table *pt;
	int err;

	if (kind == I915_VM_BIND_PT) {
		pt = alloc_pt(vm, I915_GTT_PAGE_SIZE_4K);
		if (IS_ERR(pt))
			return pt;
	} else {
		pd = alloc_pd(vm);
		if (IS_ERR(pd))
			return ERR_CAST(pd);
		pt = &pd->pt;
	}

	err = map_pt_dma_locked(vm, pt->base);
	if (err) {
		free_px(vm, pt, kind);
		return ERR_PTR(err);
	}

	return pt;
}

/* Whether no TLB holds anything of the table any more. */
static bool vm_bind_pt_is_flushed(const struct i915_vm_bind *vb,
				  const struct i915_page_table *pt)
{
	struct intel_gt *gt;
	int id;

	for_each_gt(gt, vb->vm->i915, id) {
		u32 seqno = READ_ONCE(pt->base->mm.tlb[id]);

		if (seqno && !intel_gt_tlb_seqno_passed(gt, seqno))
			return false;
	}

	return true;
}

/* Returns how many were taken, all of @count if that many can be used. */
static u64 vm_bind_pt_take(struct i915_vm_bind *vb,
			   struct i915_vm_pt_stash *stash, int kind, u64 count)
{
	struct i915_page_table **link = &vb->cache.pt[kind], *pt;
	u64 left = count;

	spin_lock(&vb->cache_lock);
	while (left && (pt = *link)) {
		if (!vm_bind_pt_is_flushed(vb, pt)) {
			link = &pt->stash;
			continue;
		}

		*link = pt->stash;
		vb->num_cached[kind]--;
		vm_bind_pt_push(stash, kind, pt);
		left--;
	}
	spin_unlock(&vb->cache_lock);

	return count - left;
}

static int vm_bind_pt_get(struct i915_vm_bind *vb,
			  struct i915_vm_pt_stash *stash, int kind, u64 count)
{
	struct i915_page_table *pt;

	count -= vm_bind_pt_take(vb, stash, kind, count);
	while (count--) {
		pt = vm_bind_pt_create(vb->vm, kind);
		if (IS_ERR(pt))
			return PTR_ERR(pt);

		vm_bind_pt_push(stash, kind, pt);
	}

	return 0;
}

static bool vm_bind_pt_has_room(const struct i915_vm_bind *vb, int kind)
{
	lockdep_assert_held(&vb->cache_lock);
	return vb->num_cached[kind] < VM_BIND_PT_MAX_CACHED;
}

static void vm_bind_pt_keep(struct i915_vm_bind *vb, int kind,
			    struct i915_page_table *pt)
{
	lockdep_assert_held(&vb->cache_lock);
	vm_bind_pt_push(&vb->cache, kind, pt);
	vb->num_cached[kind]++;
}

static void vm_bind_pt_put(struct i915_vm_bind *vb,
			   struct i915_vm_pt_stash *stash, int kind)
{
	struct i915_page_table *pt;

	if (!stash->pt[kind])
		return;

	spin_lock(&vb->cache_lock);
	while (vm_bind_pt_has_room(vb, kind) &&
	       (pt = vm_bind_pt_pop(stash, kind)))
		vm_bind_pt_keep(vb, kind, pt);
	spin_unlock(&vb->cache_lock);

	while ((pt = vm_bind_pt_pop(stash, kind)))
		free_px(vb->vm, pt, kind);
}

/* How many entries of a size the range touches: each may need a table below. */
static u64 vm_bind_pt_count(u64 start, u64 length, unsigned int shift)
{
	return ((start + length - 1) >> shift) - (start >> shift) + 1;
}

static int vm_bind_pt_get_all(struct i915_vm_bind *vb,
			      struct i915_vm_bind_update *update)
{
	const struct i915_vma_bindinfo bi = {
		.page_sizes = update->obj->mm.page_sizes,
		.sg = update->sg,
		.sg_skip = update->sg_skip,
	};
	const u64 start = update->start, length = update->length;
	struct i915_address_space *vm = vb->vm;
	unsigned int shift = vm->pd_shift;
	u64 count = 0;
	int err, n;

	err = vm_bind_pt_get(vb, &update->stash, I915_VM_BIND_PT,
			     vm_bind_pt_count(start, length, shift) -
			     gen8_ppgtt_count_leaves(&bi, start, length));
	if (err)
		return err;

	for (n = 1; n < vm->top; n++) {
		shift += ilog2(I915_PDES);
		count += vm_bind_pt_count(start, length, shift);
	}

	return vm_bind_pt_get(vb, &update->stash, I915_VM_BIND_PD, count);
}

/*
 * What the kernel left in the CPU's caches, as zeroes of new pages, has to be
 * seen by a GPU that does not snoop. Later it is up to user space.
 */
static void vm_bind_pt_move_to_gpu(struct drm_i915_gem_object *obj)
{
	if (obj->cache_dirty & ~obj->cache_coherent)
		i915_gem_clflush_object(obj, I915_CLFLUSH_SYNC);

	obj->write_domain = I915_GEM_DOMAIN_RENDER;
	obj->read_domains = I915_GEM_GPU_DOMAINS;
}

/**
 * i915_vm_bind_update_prepare - Get all that is needed to write a mapping
 * @vb: The address space, its reservation held
 * @update: The update, without pages and page tables; to be given to
 * i915_vm_bind_update_fini(), even if this fails
 * @mapping: What is to be written, the reservation of its object held. In no
 * tree yet, or evicted.
 *
 * The pages stay pinned until the update has run, which may be only once their
 * contents have arrived.
 *
 * Return: 0; -ENOMEM; -EFAULT where the object was madvised away; -EAGAIN where
 * the pages of a userptr object have to be pinned first; -EINTR or -ERESTARTSYS
 * where a signal came; -EDEADLK where the ww context has to back off; or another
 * error where local memory is full.
 */
int i915_vm_bind_update_prepare(struct i915_vm_bind *vb,
				struct i915_vm_bind_update *update,
				const struct i915_vm_mapping *mapping)
{
	struct drm_i915_gem_object *obj = to_intel_bo(mapping->va.gem.obj);
	int err;

	assert_object_held(vb->root);
	assert_object_held(obj);

	err = i915_gem_object_pin_pages(obj);
	if (err)
		return err;

	vm_bind_pt_move_to_gpu(obj);
	update->obj = obj;
	update->start = mapping->va.va.addr;
	update->length = mapping->va.va.range;
	update->is_lmem = i915_gem_object_is_lmem(obj);
	update->sg = i915_gem_object_find_sg_dma(obj, mapping->va.gem.offset,
						 &update->sg_skip);

	return vm_bind_pt_get_all(vb, update);
}

/**
 * i915_vm_bind_update_fini - Give back what an update still has
 * @vb: The address space
 * @update: The update, whether or not it ran
 */
void i915_vm_bind_update_fini(struct i915_vm_bind *vb,
			      struct i915_vm_bind_update *update)
{
	vm_bind_pt_put(vb, &update->stash, I915_VM_BIND_PT);
	vm_bind_pt_put(vb, &update->stash, I915_VM_BIND_PD);
	if (update->sg)
		i915_gem_object_unpin_pages(update->obj);
	update->sg = NULL;
}

static int vm_bind_pt_write(struct i915_vm_bind *vb,
			    struct i915_vm_bind_update *update)
{
	struct drm_i915_gem_object *obj = update->obj;
	struct i915_address_space *vm = vb->vm;
	struct i915_vma_resource res = {
		.vm = vm,
		.bi.pages = obj->mm.pages,
		.bi.page_sizes = obj->mm.page_sizes,
		.bi.sg = update->sg,
		.bi.sg_skip = update->sg_skip,
		.bi.readonly = i915_gem_object_is_readonly(obj),
		.bi.lmem = update->is_lmem,
		.bi.leaves = true,
		.start = update->start,
		.node_size = update->length,
		.vma_size = update->length,
	};

	/* What others left in the pages must not be seen: scratch will do. */
	if (unlikely(i915_gem_object_has_unknown_state(obj))) {
		gen8_ppgtt_alloc_leaves(vm, &update->stash, &res);
		return -EIO;
	}

	vm->vma_ops.bind_vma(vm, &update->stash, &res, obj->pat_index, 0);
	return 0;
}

/**
 * i915_vm_bind_update_run - Change the page tables
 * @vb: The address space
 * @update: The update
 *
 * The device is awake where page tables need that. Until this has run, nobody
 * else may change the range.
 *
 * Return: 0; -EIO where the contents of the pages could not be cleared or moved:
 * then the range has its page tables, and holds scratch.
 */
int i915_vm_bind_update_run(struct i915_vm_bind *vb,
			    struct i915_vm_bind_update *update)
{
	int err = 0;

	if (update->sg) {
		err = vm_bind_pt_write(vb, update);
		/* Whoever sees a fence signalled may want the pages. */
		i915_gem_object_unpin_pages(update->obj);
		update->sg = NULL;
	} else if (update->length) {
		i915_vm_bind_clear(vb, update->obj, update->start,
				   update->length);
	}

	return err;
}

/**
 * i915_vm_bind_clear - Let a range of the page tables point to scratch
 * @vb: The address space
 * @obj: What the range maps
 * @start: The address, in bytes
 * @length: The length, in bytes. An update was run for each part of the range.
 *
 * Does not wait for the GPU: a batch that runs may still hold a translation.
 * The TLB is invalidated before the object's pages are released.
 */
void i915_vm_bind_clear(struct i915_vm_bind *vb, struct drm_i915_gem_object *obj,
			u64 start, u64 length)
{
	vb->vm->clear_range(vb->vm, start, length);
	vma_invalidate_tlb(vb->vm, obj->mm.tlb);
}

/**
 * i915_vm_bind_keep_pt - Keep a page table that an unbind emptied
 * @vm: The address space
 * @pt: A page table, or a directory without entries, with its TLB seqno set.
 * Nothing points to it any more.
 * @lvl: 0 for a page table, higher for a directory
 *
 * This is &i915_address_space.keep_pt.
 *
 * Return: Whether it was kept; if not, the caller frees it.
 */
bool i915_vm_bind_keep_pt(struct i915_address_space *vm,
			  struct i915_page_table *pt, int lvl)
{
	const int kind = lvl ? I915_VM_BIND_PD : I915_VM_BIND_PT;
	struct i915_vm_bind *vb = vm->vm_bind;
	bool kept;

	pt->is_compact = false;
	i915_gem_object_unpin_pages(pt->base); /* for when it was in use */

	spin_lock(&vb->cache_lock);
	kept = vm_bind_pt_has_room(vb, kind);
	if (kept)
		vm_bind_pt_keep(vb, kind, pt);
	spin_unlock(&vb->cache_lock);

	return kept;
}

/**
 * i915_vm_bind_free_cache - Free the page tables that were kept
 * @vb: The address space, with no reference left. It keeps none from now on.
 */
void i915_vm_bind_free_cache(struct i915_vm_bind *vb)
{
	int kind;

	for (kind = 0; kind < I915_VM_BIND_PT_KINDS; kind++)
		vb->num_cached[kind] = VM_BIND_PT_MAX_CACHED;
	i915_vm_free_pt_stash(vb->vm, &vb->cache);
}
