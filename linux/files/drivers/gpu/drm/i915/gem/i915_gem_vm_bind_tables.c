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
#include "i915_gem_object.h"
#include "i915_gem_vm_bind.h"
#include "i915_vma_resource.h"

/*
 * The page tables that a job may need. They have to be there before the job
 * begins to write, when nothing may fail any more, and nobody can tell by then
 * which of them exist: what shares them may be bound, unbound and evicted
 * meanwhile. So a job takes all that its range needs, and most jobs use none.
 *
 * Where the pages allow for 2 MiB entries, these need no page table. That is
 * known by now, as a job has its pages pinned before it takes tables, and the
 * range is nobody else's.
 *
 * As a table costs more to make than all the rest of a small bind, each address
 * space keeps a few: those that were not used, and those that an unbind emptied.
 * The latter the GPU may still know, from its walks, and so they are used again
 * only when it has forgotten. Nobody waits for that: another one is made.
 */

/* Of each kind: enough for a page anywhere, and for its neighbour. */
#define I915_VM_BIND_MAX_SPARE 4

/* As in struct i915_vm_pt_stash: page tables, and directories of any level. */
enum { TABLE, DIRECTORY };

static void push(struct i915_vm_pt_stash *stash, int kind,
		 struct i915_page_table *pt)
{
	pt->stash = stash->pt[kind];
	stash->pt[kind] = pt;
}

static struct i915_page_table *pop(struct i915_vm_pt_stash *stash, int kind)
{
	struct i915_page_table *pt = stash->pt[kind];

	if (pt)
		stash->pt[kind] = pt->stash;

	return pt;
}

static struct i915_page_table *table_create(struct i915_address_space *vm,
					    int kind)
{
	struct i915_page_directory *pd;
	struct i915_page_table *pt;
	int err;

	if (kind == TABLE) {
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

/* Whether the GPU does not know the table any more. */
static bool is_forgotten(const struct i915_vm_bind *vb,
			 const struct i915_page_table *pt)
{
	struct intel_gt *gt;
	int id;

	for_each_gt(gt, vb->vm->i915, id) {
		u32 seqno = READ_ONCE(pt->base->mm.tlb[id]);

		if (seqno && !intel_gt_tlb_has_forgotten(gt, seqno))
			return false;
	}

	return true;
}

static struct i915_page_table *spare_get(struct i915_vm_bind *vb, int kind)
{
	struct i915_page_table **link, *pt;

	spin_lock(&vb->spare_lock);
	for (link = &vb->spare.pt[kind]; (pt = *link); link = &pt->stash) {
		if (!is_forgotten(vb, pt))
			continue;

		*link = pt->stash;
		vb->num_spare[kind]--;
		break;
	}
	spin_unlock(&vb->spare_lock);

	return pt;
}

static bool spare_put(struct i915_vm_bind *vb, int kind,
		      struct i915_page_table *pt)
{
	bool kept;

	spin_lock(&vb->spare_lock);
	kept = vb->num_spare[kind] < I915_VM_BIND_MAX_SPARE;
	if (kept) {
		push(&vb->spare, kind, pt);
		vb->num_spare[kind]++;
	}
	spin_unlock(&vb->spare_lock);

	return kept;
}

static int get_tables(struct i915_vm_bind *vb, struct i915_vm_pt_stash *stash,
		      int kind, u64 count)
{
	struct i915_page_table *pt;

	while (count--) {
		pt = spare_get(vb, kind) ?: table_create(vb->vm, kind);
		if (IS_ERR(pt))
			return PTR_ERR(pt);

		push(stash, kind, pt);
	}

	return 0;
}

/* How many entries of a size the range touches: each may need a table below. */
static u64 count_entries(u64 start, u64 length, unsigned int shift)
{
	return ((start + length - 1) >> shift) - (start >> shift) + 1;
}

/**
 * i915_vm_bind_get_tables - Get all page tables that a range may need
 * @vb: The address space, its reservation held
 * @stash: Where to put them, empty; to be given to i915_vm_bind_put_tables()
 * even if this fails
 * @bi: The pages that the range will show, pinned until the tables are written
 * @start: The address, in bytes, page aligned
 * @length: The length of the range, in bytes, page aligned, not 0
 *
 * Return: 0; -ENOMEM; or another error where local memory is full.
 */
int i915_vm_bind_get_tables(struct i915_vm_bind *vb,
			    struct i915_vm_pt_stash *stash,
			    const struct i915_vma_bindinfo *bi,
			    u64 start, u64 length)
{
	struct i915_address_space *vm = vb->vm;
	unsigned int shift = vm->pd_shift;
	u64 tables, directories = 0;
	int err, n;

	assert_object_held(vb->root);

	if (!vm->allocate_va_range)
		return 0;

	tables = count_entries(start, length, shift) -
		gen8_ppgtt_count_leaves(bi, start, length);
	err = get_tables(vb, stash, TABLE, tables);
	if (err)
		return err;

	for (n = 1; n < vm->top; n++) {
		shift += ilog2(I915_PDES);
		directories += count_entries(start, length, shift);
	}

	return get_tables(vb, stash, DIRECTORY, directories);
}

/**
 * i915_vm_bind_put_tables - Give back page tables that were not used
 * @vb: The address space
 * @stash: The page tables; empty afterwards
 */
void i915_vm_bind_put_tables(struct i915_vm_bind *vb,
			     struct i915_vm_pt_stash *stash)
{
	struct i915_page_table *pt;
	int kind;

	for (kind = TABLE; kind <= DIRECTORY; kind++) {
		while ((pt = pop(stash, kind)))
			if (!spare_put(vb, kind, pt))
				free_px(vb->vm, pt, kind);
	}
}

/**
 * i915_vm_bind_keep_table - Keep a page table that an unbind emptied
 * @vb: The address space
 * @pt: A page table, or a directory without entries, with its TLB seqno set. Nothing
 * points to it any more.
 * @lvl: 0 for a page table, higher for a directory
 *
 * Return: Whether it was kept; if not, the caller frees it.
 */
bool i915_vm_bind_keep_table(struct i915_vm_bind *vb,
			     struct i915_page_table *pt, int lvl)
{
	pt->is_compact = false;
	i915_gem_object_unpin_pages(pt->base); /* for when it was in use */
	return spare_put(vb, lvl ? DIRECTORY : TABLE, pt);
}

/**
 * i915_vm_bind_free_tables - Free the page tables that were kept
 * @vb: The address space, with no reference left. It keeps none from now on.
 */
void i915_vm_bind_free_tables(struct i915_vm_bind *vb)
{
	vb->num_spare[TABLE] = I915_VM_BIND_MAX_SPARE;
	vb->num_spare[DIRECTORY] = I915_VM_BIND_MAX_SPARE;
	i915_vm_free_pt_stash(vb->vm, &vb->spare);
}
