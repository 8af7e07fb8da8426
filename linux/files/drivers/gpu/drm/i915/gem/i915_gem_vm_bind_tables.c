// SPDX-License-Identifier: MIT
/*
 * Copyright © 2026 i915 VM_BIND contributors
 */

#include <linux/err.h>
#include <linux/spinlock.h>

#include "gt/intel_gtt.h"

#include "i915_gem_object.h"
#include "i915_gem_vm_bind.h"

/*
 * The page tables that a job may need. They have to be there before the job
 * begins to write, when nothing may fail any more, and nobody can tell by then
 * which of them exist: what shares them may be bound, unbound and evicted
 * meanwhile. So a job takes all that its range needs, and most jobs use none.
 *
 * As a table costs more to make than all the rest of a small bind, each address
 * space keeps a few that were not used. Nobody but the CPU has ever seen those.
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

static struct i915_page_table *spare_get(struct i915_vm_bind *vb, int kind)
{
	struct i915_page_table *pt;

	spin_lock(&vb->spare_lock);
	pt = pop(&vb->spare, kind);
	if (pt)
		vb->num_spare[kind]--;
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
 * @start: The address, in bytes, page aligned
 * @length: The length of the range, in bytes, page aligned, not 0
 *
 * Return: 0; -ENOMEM; or another error where local memory is full.
 */
int i915_vm_bind_get_tables(struct i915_vm_bind *vb,
			    struct i915_vm_pt_stash *stash,
			    u64 start, u64 length)
{
	struct i915_address_space *vm = vb->vm;
	unsigned int shift = vm->pd_shift;
	u64 directories = 0;
	int err, n;

	assert_object_held(vb->root);

	if (!vm->allocate_va_range)
		return 0;

	err = get_tables(vb, stash, TABLE, count_entries(start, length, shift));
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
 * i915_vm_bind_free_tables - Free the page tables that were kept
 * @vb: The address space, with no reference left
 */
void i915_vm_bind_free_tables(struct i915_vm_bind *vb)
{
	i915_vm_free_pt_stash(vb->vm, &vb->spare);
}
