/*
 * Intel Gen12 GPU: memory interface (MI) commands
 *
 * (Volume 2a "Command Reference: Instructions", MI_*.)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

/* Bits of headers, named as in the PRM */
#define MI_USE_GGTT                     BIT(22)
#define MI_ADD_CS_MMIO_START_OFFSET     BIT(19)
#define MI_LRR_ADD_CS_MMIO_SOURCE       BIT(18)
#define MI_NOOP_ID_WRITE_ENABLE         BIT(22)
#define MI_NOOP_ID(header)              extract32(header, 0, 22)
#define MI_ARB_CHECK_PREFETCH_MASK      BIT(8)
#define MI_ARB_ON_OFF_ENABLE            BIT(0)
#define MI_SEMAPHORE_REGISTER_POLL      BIT(16)
#define MI_STORE_INDEX_PER_CONTEXT      BIT(21)
#define MI_SRM_PREDICATE_ENABLE         BIT(21)
#define MI_COPY_GGTT_SOURCE             BIT(22)
#define MI_COPY_GGTT_DESTINATION        BIT(21)

/* "Predicate Enable" of MI_SET_PREDICATE: when later commands are NOOPs */
#define SET_PREDICATE_ENABLE(header)    extract32(header, 0, 4)
enum {
    NOOP_NEVER = 0,
    NOOP_ON_RESULT_2_CLEAR = 1,
    NOOP_ON_RESULT_2_SET = 2,
    NOOP_ON_RESULT_CLEAR = 3,
    NOOP_ON_RESULT_SET = 4,
    NOOP_ALWAYS = 15,
};

/* The three operations of MI_PREDICATE */
#define PREDICATE_LOAD(header)          extract32(header, 6, 2)
enum { LOADOP_KEEP = 0, LOADOP_LOAD = 2, LOADOP_LOADINV = 3 };
#define PREDICATE_COMBINE(header)       extract32(header, 3, 2)
enum { COMBINEOP_SET, COMBINEOP_AND, COMBINEOP_OR, COMBINEOP_XOR };
#define PREDICATE_COMPARE(header)       extract32(header, 0, 2)
enum {
    COMPAREOP_TRUE, COMPAREOP_FALSE, COMPAREOP_SRCS_EQUAL,
    COMPAREOP_DELTAS_EQUAL,
};

/*
 * "Compare Operation" of MI_SEMAPHORE_WAIT: data in memory (SAD) against data
 * in the command (SDD).  MI_CONDITIONAL_BATCH_BUFFER_END has the same ones,
 * and calls the two MAD and IDD.
 */
#define COMPARE_OPERATION(header)       extract32(header, 12, 3)
enum {
    SAD_GREATER_THAN_SDD,
    SAD_GREATER_THAN_OR_EQUAL_SDD,
    SAD_LESS_THAN_SDD,
    SAD_LESS_THAN_OR_EQUAL_SDD,
    SAD_EQUAL_SDD,
    SAD_NOT_EQUAL_SDD,
};

/* A privileged command has no effect in an unprivileged batch. */
static Gen12CsResult privilege_error(Gen12Engine *e, const char *what,
                                     uint32_t detail)
{
    gen12_count(e->s, GEN12_COUNT_PRIVILEGE_ERRORS);
    trace_gen12_privilege(e->info->name, gen12_cs_level(e)->addr, what,
                          detail);
    gen12_engine_error(e, ERROR_PRIVILEGE);
    return GEN12_CS_NEXT;
}

/*
 * Does the command use the PPGTT?  @ok is false if it uses the GGTT, and its
 * batch is not privileged.
 */
static bool use_ppgtt(Gen12Engine *e, uint32_t header, bool *ok)
{
    *ok = !(header & MI_USE_GGTT) || gen12_cs_privileged(e);
    return !(header & MI_USE_GGTT);
}

static uint32_t reg_address(Gen12Engine *e, uint32_t reg, bool relative)
{
    reg &= MI_REG_OFFSET;
    return relative ? (reg + e->info->base) & MI_REG_OFFSET : reg;
}

/* Does RING_FORCE_TO_NONPRIV let an unprivileged batch write @reg? */
static bool in_nonpriv_list(Gen12Engine *e, uint32_t reg)
{
    for (unsigned i = 0; i < NONPRIV_SLOTS; i++) {
        uint32_t slot = gen12_ring(e, RING_FORCE_TO_NONPRIV + 4 * i);
        uint32_t first = slot & NONPRIV_ADDRESS;
        uint32_t bytes = 4u << 2 * (slot & NONPRIV_RANGE);

        if (reg >= (first & ~(bytes - 1)) &&
            reg < (first & ~(bytes - 1)) + bytes) {
            return !(slot & NONPRIV_DENY) &&
                   (slot & NONPRIV_ACCESS) != NONPRIV_ACCESS_RD;
        }
    }
    return false;
}

static bool may_write(Gen12Engine *e, uint32_t reg)
{
    const Gen12Reg *row = gen12_mmio_find(e->s, reg);

    return gen12_cs_privileged(e) ||
           (row && (row->info->flags & GEN12_REG_USER)) ||
           in_nonpriv_list(e, reg);
}

static void write_register(Gen12Engine *e, uint32_t reg, uint32_t value)
{
    if (may_write(e, reg)) {
        gen12_reg_write(e->s, e, reg, value);
    } else {
        privilege_error(e, "register write", reg);
    }
}

static Gen12CsResult mi_noop(Gen12Engine *e, const uint32_t *cmd, unsigned n)
{
    if (cmd[0] & MI_NOOP_ID_WRITE_ENABLE) {
        gen12_ring_set(e, RING_NOPID, MI_NOOP_ID(cmd[0]));
    }
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_set_predicate(Gen12Engine *e, const uint32_t *cmd,
                                      unsigned n)
{
    bool result = gen12_ring(e, RING_PREDICATE_RESULT) & PREDICATE_TRUE;
    bool result_2 = gen12_ring(e, RING_PREDICATE_RESULT_2) & PREDICATE_TRUE;

    switch (SET_PREDICATE_ENABLE(cmd[0])) {
    case NOOP_ON_RESULT_2_CLEAR:
        e->cs.predicate = !result_2;
        break;
    case NOOP_ON_RESULT_2_SET:
        e->cs.predicate = result_2;
        break;
    case NOOP_ON_RESULT_CLEAR:
        e->cs.predicate = !result;
        break;
    case NOOP_ON_RESULT_SET:
        e->cs.predicate = result;
        break;
    case NOOP_ALWAYS:
        e->cs.predicate = true;
        break;
    case NOOP_NEVER:
    default:
        e->cs.predicate = false;
        break;
    }
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_user_interrupt(Gen12Engine *e, const uint32_t *cmd,
                                       unsigned n)
{
    gen12_irq_raise(e, INTR_USER);
    return GEN12_CS_NEXT;
}

/* With the mask bit it controls only the pre-parser, which is not modelled. */
static Gen12CsResult mi_arb_check(Gen12Engine *e, const uint32_t *cmd,
                                  unsigned n)
{
    return cmd[0] & MI_ARB_CHECK_PREFETCH_MASK ? GEN12_CS_NEXT
                                               : GEN12_CS_ARBITRATE;
}

static Gen12CsResult mi_arb_on_off(Gen12Engine *e, const uint32_t *cmd,
                                   unsigned n)
{
    e->cs.arbitrate = cmd[0] & MI_ARB_ON_OFF_ENABLE;
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_batch_buffer_end(Gen12Engine *e, const uint32_t *cmd,
                                         unsigned n)
{
    gen12_cs_batch_end(e);
    return e->halted ? GEN12_CS_HALT : GEN12_CS_JUMP;
}

static Gen12CsResult mi_predicate(Gen12Engine *e, const uint32_t *cmd,
                                  unsigned n)
{
    uint64_t src0 = gen12_ring64(e, RING_PREDICATE_SRC0);
    uint64_t src1 = gen12_ring64(e, RING_PREDICATE_SRC1);
    uint64_t data = gen12_ring64(e, RING_PREDICATE_DATA);
    bool old = gen12_ring(e, RING_PREDICATE_RESULT) & PREDICATE_TRUE;
    unsigned load = PREDICATE_LOAD(cmd[0]);
    bool value = true;

    if (load != LOADOP_LOAD && load != LOADOP_LOADINV) {
        return GEN12_CS_NEXT;
    }
    switch (PREDICATE_COMPARE(cmd[0])) {
    case COMPAREOP_FALSE:
        value = false;
        break;
    case COMPAREOP_SRCS_EQUAL:
        value = src0 == src1;
        break;
    case COMPAREOP_DELTAS_EQUAL:
        value = src0 - src1 == data;
        break;
    }
    value ^= load == LOADOP_LOADINV;
    switch (PREDICATE_COMBINE(cmd[0])) {
    case COMBINEOP_AND:
        value &= old;
        break;
    case COMBINEOP_OR:
        value |= old;
        break;
    case COMBINEOP_XOR:
        value ^= old;
        break;
    }
    gen12_ring_set(e, RING_PREDICATE_RESULT, value);
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_math(Gen12Engine *e, const uint32_t *cmd, unsigned n)
{
    return gen12_alu_run(e, cmd + 1, n - 1);
}

static bool compare(unsigned op, uint32_t memory, uint32_t inline_data)
{
    switch (op) {
    case SAD_GREATER_THAN_SDD:
        return memory > inline_data;
    case SAD_GREATER_THAN_OR_EQUAL_SDD:
        return memory >= inline_data;
    case SAD_LESS_THAN_SDD:
        return memory < inline_data;
    case SAD_LESS_THAN_OR_EQUAL_SDD:
        return memory <= inline_data;
    case SAD_EQUAL_SDD:
        return memory == inline_data;
    case SAD_NOT_EQUAL_SDD:
        return memory != inline_data;
    default:
        return true;
    }
}

static Gen12CsResult mi_semaphore_wait(Gen12Engine *e, const uint32_t *cmd,
                                       unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t value;

    if (cmd[0] & MI_SEMAPHORE_REGISTER_POLL) {
        value = gen12_reg_read(e->s, reg_address(e, cmd[2], false));
    } else if (!ok) {
        return privilege_error(e, "MI_SEMAPHORE_WAIT", cmd[2]);
    } else if (!gen12_mem_read32(e, ppgtt, gen12_cs_qword(cmd + 2), &value)) {
        return GEN12_CS_HALT;
    }
    if (compare(COMPARE_OPERATION(cmd[0]), value, cmd[1])) {
        smp_rmb();  /* later reads see what was written before the value */
        gen12_ring_set(e, RING_CTL, gen12_ring(e, RING_CTL) &
                                    ~RING_CTL_WAIT_SEMAPHORE);
        return GEN12_CS_NEXT;
    }
    if (!e->cs.wait_reported) {
        e->cs.wait_reported = true;
        gen12_ring_set(e, RING_CTL, gen12_ring(e, RING_CTL) |
                                    RING_CTL_WAIT_SEMAPHORE);
        gen12_irq_raise(e, INTR_WAIT_SEMAPHORE);
    }
    return GEN12_CS_WAIT;
}

static Gen12CsResult mi_store_data_imm(Gen12Engine *e, const uint32_t *cmd,
                                       unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint64_t addr = gen12_cs_qword(cmd + 1) & ~3ull;

    if (!ok) {
        return privilege_error(e, "MI_STORE_DATA_IMM", addr);
    }
    if (n == 4) {
        return gen12_cs_done(gen12_mem_write32(e, ppgtt, addr, cmd[3]));
    }
    for (unsigned i = 3; i + 1 < n; i += 2) {
        if (!gen12_mem_write64(e, ppgtt, addr, gen12_cs_qword(cmd + i))) {
            return GEN12_CS_HALT;
        }
        addr += 8;
    }
    return gen12_cs_done(n % 2 ||
                         gen12_mem_write32(e, ppgtt, addr, cmd[n - 1]));
}

static Gen12CsResult mi_store_data_index(Gen12Engine *e, const uint32_t *cmd,
                                         unsigned n)
{
    bool per_context = cmd[0] & MI_STORE_INDEX_PER_CONTEXT;
    uint64_t addr = gen12_cs_status_page(e, per_context) +
                    (cmd[1] & HWSP_OFFSET_DWORD);

    if (!gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_STORE_DATA_INDEX", cmd[1]);
    }
    return gen12_cs_done(n > 3 ? gen12_mem_write64(e, false, addr,
                                                   gen12_cs_qword(cmd + 2))
                               : gen12_mem_write32(e, false, addr, cmd[2]));
}

static Gen12CsResult mi_load_register_imm(Gen12Engine *e, const uint32_t *cmd,
                                          unsigned n)
{
    bool relative = cmd[0] & MI_ADD_CS_MMIO_START_OFFSET;

    for (unsigned i = 1; i + 1 < n; i += 2) {
        write_register(e, reg_address(e, cmd[i], relative), cmd[i + 1]);
    }
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_load_register_mem(Gen12Engine *e, const uint32_t *cmd,
                                          unsigned n)
{
    bool relative = cmd[0] & MI_ADD_CS_MMIO_START_OFFSET;
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t value;

    if (!ok) {
        return privilege_error(e, "MI_LOAD_REGISTER_MEM", cmd[2]);
    }
    if (!gen12_mem_read32(e, ppgtt, gen12_cs_qword(cmd + 2), &value)) {
        return GEN12_CS_HALT;
    }
    write_register(e, reg_address(e, cmd[1], relative), value);
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_load_register_reg(Gen12Engine *e, const uint32_t *cmd,
                                          unsigned n)
{
    uint32_t src = reg_address(e, cmd[1], cmd[0] & MI_LRR_ADD_CS_MMIO_SOURCE);
    uint32_t dst = reg_address(e, cmd[2], cmd[0] & MI_ADD_CS_MMIO_START_OFFSET);

    write_register(e, dst, gen12_reg_read(e->s, src));
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_store_register_mem(Gen12Engine *e,
                                           const uint32_t *cmd, unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t reg = reg_address(e, cmd[1], cmd[0] & MI_ADD_CS_MMIO_START_OFFSET);

    if (!ok) {
        return privilege_error(e, "MI_STORE_REGISTER_MEM", cmd[2]);
    }
    if ((cmd[0] & MI_SRM_PREDICATE_ENABLE) &&
        !(gen12_ring(e, RING_PREDICATE_RESULT) & PREDICATE_TRUE)) {
        return GEN12_CS_NEXT;
    }
    return gen12_cs_done(gen12_mem_write32(e, ppgtt, gen12_cs_qword(cmd + 2),
                                           gen12_reg_read(e->s, reg)));
}

static Gen12CsResult mi_copy_mem_mem(Gen12Engine *e, const uint32_t *cmd,
                                     unsigned n)
{
    bool src_ppgtt = !(cmd[0] & MI_COPY_GGTT_SOURCE);
    bool dst_ppgtt = !(cmd[0] & MI_COPY_GGTT_DESTINATION);
    uint32_t value;

    if (!(src_ppgtt && dst_ppgtt) && !gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_COPY_MEM_MEM", cmd[1]);
    }
    return gen12_cs_done(
        gen12_mem_read32(e, src_ppgtt, gen12_cs_qword(cmd + 3), &value) &&
        gen12_mem_write32(e, dst_ppgtt, gen12_cs_qword(cmd + 1), value));
}

static Gen12CsResult mi_update_gtt(Gen12Engine *e, const uint32_t *cmd,
                                   unsigned n)
{
    uint64_t index = cmd[1] >> 12;

    if (!gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_UPDATE_GTT", cmd[1]);
    }
    for (unsigned i = 2; i + 1 < n && index < GEN12_GSM_SIZE / 8; i += 2) {
        qatomic_set(&e->s->gsm[index++], cpu_to_le64(gen12_cs_qword(cmd + i)));
    }
    return GEN12_CS_NEXT;
}

#define FLUSH_DW_TLB_INVALIDATE BIT(18)
#define FLUSH_DW_STORE_INDEX    BIT(21)
#define FLUSH_DW_ADDR_GGTT      BIT(2)

static Gen12CsResult mi_flush_dw(Gen12Engine *e, const uint32_t *cmd,
                                 unsigned n)
{
    Gen12PostSync op = POST_SYNC_OPERATION(cmd[0]);
    bool ggtt = n > 1 && (cmd[1] & FLUSH_DW_ADDR_GGTT);
    uint64_t addr;

    if (cmd[0] & FLUSH_DW_TLB_INVALIDATE) {
        gen12_tlb_flush(e, false);
    }
    if (op == POST_SYNC_NO_WRITE || n < 4) {
        return GEN12_CS_NEXT;
    }
    if ((ggtt || (cmd[0] & FLUSH_DW_STORE_INDEX)) && !gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_FLUSH_DW", cmd[1]);
    }
    if (cmd[0] & FLUSH_DW_STORE_INDEX) {
        addr = gen12_cs_status_page(e, !ggtt) + (cmd[1] & HWSP_OFFSET_QWORD);
        ggtt = true;
    } else {
        addr = gen12_cs_qword(cmd + 1) & ~7ull;
    }
    if (op == POST_SYNC_WRITE_IMMEDIATE_DATA && n == 4) {
        return gen12_cs_done(gen12_mem_write32(e, !ggtt, addr, cmd[3]));
    }
    return gen12_cs_post_sync(e, !ggtt, addr, op,
                              n > 4 ? gen12_cs_qword(cmd + 3) : cmd[3]);
}

#define BB_START_PPGTT      BIT(8)
#define BB_START_PREDICATE  BIT(15)
#define BB_START_NESTED     BIT(22)

static Gen12CsResult mi_batch_buffer_start(Gen12Engine *e,
                                           const uint32_t *cmd, unsigned n)
{
    bool nested = cmd[0] & BB_START_NESTED;

    if ((cmd[0] & BB_START_PREDICATE) &&
        !(gen12_ring(e, RING_PREDICATE_RESULT_1) & PREDICATE_TRUE)) {
        return GEN12_CS_NEXT;
    }
    if (nested && e->cs.depth + 1 >= GEN12_CS_LEVELS) {
        return gen12_cs_guest_error(e, "batches nested too deep", cmd[1]);
    }
    gen12_cs_batch_start(e, gen12_cs_qword(cmd + 1), cmd[0] & BB_START_PPGTT,
                         nested);
    return GEN12_CS_JUMP;
}

/* The batch ends if the comparison is false. */
static Gen12CsResult mi_conditional_batch_buffer_end(Gen12Engine *e,
                                                     const uint32_t *cmd,
                                                     unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t value;

    if (!ok) {
        return privilege_error(e, "MI_CONDITIONAL_BATCH_BUFFER_END", cmd[2]);
    }
    if (!gen12_mem_read32(e, ppgtt, gen12_cs_qword(cmd + 2), &value)) {
        return GEN12_CS_HALT;
    }
    if (compare(COMPARE_OPERATION(cmd[0]), value, cmd[1])) {
        return GEN12_CS_NEXT;
    }
    return mi_batch_buffer_end(e, cmd, n);
}

/*
 * An atomic operation.  The host executes it, so it is atomic for vCPUs, too.
 */
typedef struct Gen12Atomic {
    unsigned op;
    uint64_t operand[2];
    uint64_t old;
} Gen12Atomic;

enum {
    ATOMIC_AND = 1, ATOMIC_OR, ATOMIC_XOR, ATOMIC_MOVE, ATOMIC_INC,
    ATOMIC_DEC, ATOMIC_ADD, ATOMIC_SUB, ATOMIC_RSUB, ATOMIC_IMAX, ATOMIC_IMIN,
    ATOMIC_UMAX, ATOMIC_UMIN, ATOMIC_CMPWR, ATOMIC_PREDEC,
};

/* @old and the operands are sign extended, as IMAX and IMIN need. */
static uint64_t atomic_result(const Gen12Atomic *a, uint64_t old)
{
    uint64_t x = a->operand[0];

    switch (a->op) {
    case ATOMIC_AND:
        return old & x;
    case ATOMIC_OR:
        return old | x;
    case ATOMIC_XOR:
        return old ^ x;
    case ATOMIC_MOVE:
        return x;
    case ATOMIC_INC:
        return old + 1;
    case ATOMIC_DEC:
    case ATOMIC_PREDEC:
        return old - 1;
    case ATOMIC_ADD:
        return old + x;
    case ATOMIC_SUB:
        return old - x;
    case ATOMIC_RSUB:
        return x - old;
    case ATOMIC_IMAX:
        return MAX((int64_t)old, (int64_t)x);
    case ATOMIC_IMIN:
        return MIN((int64_t)old, (int64_t)x);
    case ATOMIC_UMAX:
        return MAX(old, x);
    case ATOMIC_UMIN:
        return MIN(old, x);
    case ATOMIC_CMPWR:
        return old == x ? a->operand[1] : old;
    default:
        return old;
    }
}

static void atomic_32(void *host, void *opaque)
{
    Gen12Atomic *a = opaque;
    uint32_t *p = host, old = qatomic_read(p), seen;

    for (;;) {
        uint64_t value = (int64_t)(int32_t)le32_to_cpu(old);

        seen = qatomic_cmpxchg(p, old,
                               cpu_to_le32((uint32_t)atomic_result(a, value)));
        if (seen == old) {
            break;
        }
        old = seen;
    }
    a->old = le32_to_cpu(old);
}

static void atomic_64(void *host, void *opaque)
{
    Gen12Atomic *a = opaque;
    uint64_t *p = host, old = qatomic_read(p), seen;

    while ((seen = qatomic_cmpxchg(p, old, cpu_to_le64(
                        atomic_result(a, le64_to_cpu(old))))) != old) {
        old = seen;
    }
    a->old = le64_to_cpu(old);
}

#define ATOMIC_OPCODE(header)   extract32(header, 8, 8)
#define ATOMIC_OP_64            0x20
#define ATOMIC_INLINE_DATA      BIT(18)
#define ATOMIC_RETURN_DATA      BIT(16)
#define ATOMIC_INLINE_DWORDS    11

/*
 * The operands are dwords 3, 5 and 4, 6 of the command, or registers GPR 0, 1.
 */
static void atomic_operands(Gen12Engine *e, Gen12Atomic *a,
                            const uint32_t *cmd, bool inline_data)
{
    for (unsigned i = 0; i < 2; i++) {
        a->operand[i] = inline_data
            ? cmd[3 + i] | (uint64_t)cmd[5 + i] << 32
            : gen12_ring64(e, RING_GPR + 8 * i);
    }
}

static Gen12CsResult mi_atomic(Gen12Engine *e, const uint32_t *cmd, unsigned n)
{
    unsigned opcode = ATOMIC_OPCODE(cmd[0]);
    unsigned size = opcode & ATOMIC_OP_64 ? 8 : 4;
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    bool inline_data = cmd[0] & ATOMIC_INLINE_DATA;
    Gen12Atomic a = { .op = opcode & ~ATOMIC_OP_64 };

    if (!ok) {
        return privilege_error(e, "MI_ATOMIC", cmd[1]);
    }
    if (a.op < ATOMIC_AND || a.op > ATOMIC_PREDEC ||
        (inline_data && n < ATOMIC_INLINE_DWORDS)) {
        return gen12_cs_guest_error(e, "MI_ATOMIC", cmd[0]);
    }
    atomic_operands(e, &a, cmd, inline_data);
    if (size == 4) {
        a.operand[0] = (int64_t)(int32_t)a.operand[0];
        a.operand[1] = (int64_t)(int32_t)a.operand[1];
    }
    if (!gen12_mem_atomic(e, ppgtt, gen12_cs_qword(cmd + 1), size,
                          size == 8 ? atomic_64 : atomic_32, &a)) {
        return GEN12_CS_HALT;
    }
    if (cmd[0] & ATOMIC_RETURN_DATA) {
        gen12_ring_set(e, RING_GPR, a.old);
        if (size == 8) {
            gen12_ring_set(e, RING_GPR + 4, a.old >> 32);
        }
    }
    return GEN12_CS_NEXT;
}

/* A known command whose effect is not modelled */
static Gen12CsResult mi_unsupported(Gen12Engine *e, const uint32_t *cmd,
                                    unsigned n)
{
    return gen12_cs_unsupported(e, "MI");
}

#define MI(name, op, ...) { name, (op) << 23, __VA_ARGS__ }
#define LEN8 .length_mask = 0xff, .bias = 2
#define ALWAYS .unpredicated = true

const Gen12Command gen12_mi_commands[] = {
    MI("MI_NOOP", 0x00, .run = mi_noop),
    MI("MI_SET_PREDICATE", 0x01, .run = mi_set_predicate, ALWAYS),
    MI("MI_USER_INTERRUPT", 0x02, .run = mi_user_interrupt),
    MI("MI_WAIT_FOR_EVENT", 0x03),
    MI("MI_FLUSH", 0x04),
    MI("MI_ARB_CHECK", 0x05, .run = mi_arb_check, ALWAYS),
    MI("MI_RS_CONTROL", 0x06),
    MI("MI_REPORT_HEAD", 0x07),
    MI("MI_ARB_ON_OFF", 0x08, .run = mi_arb_on_off, ALWAYS),
    MI("MI_URB_ATOMIC_ALLOC", 0x09),
    MI("MI_BATCH_BUFFER_END", 0x0a, .run = mi_batch_buffer_end, ALWAYS),
    MI("MI_SUSPEND_FLUSH", 0x0b),
    MI("MI_PREDICATE", 0x0c, .run = mi_predicate),
    MI("MI_TOPOLOGY_FILTER", 0x0d),
    MI("MI_SET_APPID", 0x0e),
    MI("MI_RS_CONTEXT", 0x0f),
    MI("MI_LOAD_SCAN_LINES_INCL", 0x12, .length_mask = 0x3f, .bias = 2),
    MI("MI_LOAD_SCAN_LINES_EXCL", 0x13, .length_mask = 0x3f, .bias = 2),
    MI("MI_DISPLAY_FLIP", 0x14, LEN8, .run = mi_unsupported),
    MI("MI_SET_CONTEXT", 0x18, LEN8, .run = mi_unsupported),
    MI("MI_MATH", 0x1a, LEN8, .run = mi_math),
    MI("MI_SEMAPHORE_SIGNAL", 0x1b, LEN8),
    MI("MI_SEMAPHORE_WAIT", 0x1c, LEN8, .min = 4, .run = mi_semaphore_wait),
    MI("MI_FORCE_WAKEUP", 0x1d, LEN8),
    MI("MI_STORE_DATA_IMM", 0x20, .length_mask = 0x3ff, .bias = 2, .min = 4,
       .run = mi_store_data_imm),
    MI("MI_STORE_DATA_INDEX", 0x21, LEN8, .min = 3,
       .run = mi_store_data_index),
    MI("MI_LOAD_REGISTER_IMM", 0x22, LEN8, .min = 3,
       .run = mi_load_register_imm),
    MI("MI_UPDATE_GTT", 0x23, LEN8, .min = 2, .run = mi_update_gtt),
    MI("MI_STORE_REGISTER_MEM", 0x24, LEN8, .min = 4,
       .run = mi_store_register_mem),
    MI("MI_FLUSH_DW", 0x26, .length_mask = 0x3f, .bias = 2,
       .run = mi_flush_dw),
    MI("MI_CLFLUSH", 0x27, .length_mask = 0x3ff, .bias = 2),
    MI("MI_REPORT_PERF_COUNT", 0x28, LEN8, .run = mi_unsupported),
    MI("MI_LOAD_REGISTER_MEM", 0x29, LEN8, .min = 4,
       .run = mi_load_register_mem),
    MI("MI_LOAD_REGISTER_REG", 0x2a, LEN8, .min = 3,
       .run = mi_load_register_reg),
    MI("MI_RS_STORE_DATA_IMM", 0x2b, LEN8),
    MI("MI_LOAD_URB_MEM", 0x2c, LEN8),
    MI("MI_STORE_URB_MEM", 0x2d, LEN8),
    MI("MI_COPY_MEM_MEM", 0x2e, LEN8, .min = 5, .run = mi_copy_mem_mem),
    MI("MI_ATOMIC", 0x2f, LEN8, .min = 3, .run = mi_atomic),
    MI("MI_BATCH_BUFFER_START", 0x31, LEN8, .min = 3,
       .run = mi_batch_buffer_start),
    MI("MI_CONDITIONAL_BATCH_BUFFER_END", 0x36, LEN8, .min = 4,
       .run = mi_conditional_batch_buffer_end),
};

const size_t gen12_mi_command_count = ARRAY_SIZE(gen12_mi_commands);
