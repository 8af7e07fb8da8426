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

#define MI_USE_GGTT         BIT(22)
#define MI_LRI_CS_MMIO      BIT(19)     /* register relative to the engine */
#define MI_LRR_SRC_CS_MMIO  BIT(18)

static uint64_t address(const uint32_t *dw)
{
    return dw[0] | (uint64_t)dw[1] << 32;
}

/* A command that a batch without the right to it sends has no effect. */
static Gen12CsResult privilege_error(Gen12Engine *e, const char *what,
                                     uint32_t detail)
{
    gen12_count(e->s, GEN12_COUNT_PRIVILEGE_ERRORS);
    trace_gen12_privilege(e->info->name, gen12_cs_level(e)->addr, what,
                          detail);
    gen12_engine_error(e, ERROR_PRIVILEGE);
    return GEN12_CS_NEXT;
}

/* Does the command use the PPGTT?  False in @ok: it may not use the GGTT. */
static bool use_ppgtt(Gen12Engine *e, uint32_t header, bool *ok)
{
    *ok = !(header & MI_USE_GGTT) || gen12_cs_privileged(e);
    return !(header & MI_USE_GGTT);
}

static uint32_t reg_address(Gen12Engine *e, uint32_t reg, bool relative)
{
    reg &= 0x7ffffc;
    return relative ? (reg + e->info->base) & 0x7ffffc : reg;
}

/* The lists that the driver gives in RING_FORCE_TO_NONPRIV */
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
    if (cmd[0] & BIT(22)) {
        gen12_ring_set(e, RING_NOPID, extract32(cmd[0], 0, 22));
    }
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_set_predicate(Gen12Engine *e, const uint32_t *cmd,
                                      unsigned n)
{
    bool result = gen12_ring(e, RING_PREDICATE_RESULT) & 1;
    bool result_2 = gen12_ring(e, RING_PREDICATE_RESULT_2) & 1;

    switch (extract32(cmd[0], 0, 4)) {
    case 0x1:
        e->cs.predicate = !result_2;
        break;
    case 0x2:
        e->cs.predicate = result_2;
        break;
    case 0x3:
        e->cs.predicate = !result;
        break;
    case 0x4:
        e->cs.predicate = result;
        break;
    case 0xf:
        e->cs.predicate = true;
        break;
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

/* With bit 8 it only controls the pre-parser, which the model has not. */
static Gen12CsResult mi_arb_check(Gen12Engine *e, const uint32_t *cmd,
                                  unsigned n)
{
    return cmd[0] & BIT(8) ? GEN12_CS_NEXT : GEN12_CS_ARBITRATE;
}

static Gen12CsResult mi_arb_on_off(Gen12Engine *e, const uint32_t *cmd,
                                   unsigned n)
{
    e->cs.arbitrate = cmd[0] & BIT(0);
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
    uint64_t src0 = gen12_ring(e, RING_PREDICATE_SRC0) |
                    (uint64_t)gen12_ring(e, RING_PREDICATE_SRC0 + 4) << 32;
    uint64_t src1 = gen12_ring(e, RING_PREDICATE_SRC1) |
                    (uint64_t)gen12_ring(e, RING_PREDICATE_SRC1 + 4) << 32;
    uint64_t data = gen12_ring(e, RING_PREDICATE_DATA) |
                    (uint64_t)gen12_ring(e, RING_PREDICATE_DATA + 4) << 32;
    bool old = gen12_ring(e, RING_PREDICATE_RESULT) & 1;
    unsigned load = extract32(cmd[0], 6, 2);
    bool value;

    switch (extract32(cmd[0], 0, 2)) {
    case 0:
        value = true;
        break;
    case 1:
        value = false;
        break;
    case 2:
        value = src0 == src1;
        break;
    default:
        value = src0 - src1 == data;
        break;
    }
    if (load < 2) {             /* KEEP */
        return GEN12_CS_NEXT;
    }
    value ^= load == 3;         /* LOADINV */
    switch (extract32(cmd[0], 3, 2)) {
    case 1:
        value &= old;
        break;
    case 2:
        value |= old;
        break;
    case 3:
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

/* Comparisons of what is in memory with what is in the command */
static bool compare(unsigned op, uint32_t memory, uint32_t inline_data)
{
    switch (op) {
    case 0:
        return memory > inline_data;
    case 1:
        return memory >= inline_data;
    case 2:
        return memory < inline_data;
    case 3:
        return memory <= inline_data;
    case 4:
        return memory == inline_data;
    case 5:
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

    if (cmd[0] & BIT(16)) {
        value = gen12_reg_read(e->s, reg_address(e, cmd[2], false));
    } else if (!ok) {
        return privilege_error(e, "MI_SEMAPHORE_WAIT", cmd[2]);
    } else if (!gen12_mem_read32(e, ppgtt, address(cmd + 2), &value)) {
        return GEN12_CS_HALT;
    }
    if (compare(extract32(cmd[0], 12, 3), value, cmd[1])) {
        smp_rmb();  /* what follows sees what was written before the value */
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
    uint64_t addr = address(cmd + 1) & ~3ull;

    if (!ok) {
        return privilege_error(e, "MI_STORE_DATA_IMM", addr);
    }
    if (n == 4) {
        return gen12_cs_done(gen12_mem_write32(e, ppgtt, addr, cmd[3]));
    }
    for (unsigned i = 3; i + 1 < n; i += 2) {
        if (!gen12_mem_write64(e, ppgtt, addr, address(cmd + i))) {
            return GEN12_CS_HALT;
        }
        addr += 8;
    }
    return gen12_cs_done(n % 2 ||
                         gen12_mem_write32(e, ppgtt, addr, cmd[n - 1]));
}

/* The status page: of the context with bit 21, else the engine's */
static uint64_t status_page(Gen12Engine *e, bool per_context)
{
    return per_context ? gen12_execlists_current(e) & CTX_DESC_LRCA
                       : gen12_ring(e, RING_HWS_PGA) & ~0xfffu;
}

static Gen12CsResult mi_store_data_index(Gen12Engine *e, const uint32_t *cmd,
                                         unsigned n)
{
    uint64_t addr = status_page(e, cmd[0] & BIT(21)) + (cmd[1] & 0xffc);

    if (!gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_STORE_DATA_INDEX", cmd[1]);
    }
    return gen12_cs_done(n > 3 ? gen12_mem_write64(e, false, addr,
                                                   address(cmd + 2))
                               : gen12_mem_write32(e, false, addr, cmd[2]));
}

static Gen12CsResult mi_load_register_imm(Gen12Engine *e, const uint32_t *cmd,
                                          unsigned n)
{
    for (unsigned i = 1; i + 1 < n; i += 2) {
        write_register(e, reg_address(e, cmd[i], cmd[0] & MI_LRI_CS_MMIO),
                       cmd[i + 1]);
    }
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_load_register_mem(Gen12Engine *e, const uint32_t *cmd,
                                          unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t value;

    if (!ok) {
        return privilege_error(e, "MI_LOAD_REGISTER_MEM", cmd[2]);
    }
    if (!gen12_mem_read32(e, ppgtt, address(cmd + 2), &value)) {
        return GEN12_CS_HALT;
    }
    write_register(e, reg_address(e, cmd[1], cmd[0] & MI_LRI_CS_MMIO), value);
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_load_register_reg(Gen12Engine *e, const uint32_t *cmd,
                                          unsigned n)
{
    uint32_t src = reg_address(e, cmd[1], cmd[0] & MI_LRR_SRC_CS_MMIO);
    uint32_t dst = reg_address(e, cmd[2], cmd[0] & MI_LRI_CS_MMIO);

    write_register(e, dst, gen12_reg_read(e->s, src));
    return GEN12_CS_NEXT;
}

static Gen12CsResult mi_store_register_mem(Gen12Engine *e,
                                           const uint32_t *cmd, unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t reg = reg_address(e, cmd[1], cmd[0] & MI_LRI_CS_MMIO);

    if (!ok) {
        return privilege_error(e, "MI_STORE_REGISTER_MEM", cmd[2]);
    }
    if ((cmd[0] & BIT(21)) &&   /* predicated */
        !(gen12_ring(e, RING_PREDICATE_RESULT) & 1)) {
        return GEN12_CS_NEXT;
    }
    return gen12_cs_done(gen12_mem_write32(e, ppgtt, address(cmd + 2),
                                           gen12_reg_read(e->s, reg)));
}

static Gen12CsResult mi_copy_mem_mem(Gen12Engine *e, const uint32_t *cmd,
                                     unsigned n)
{
    uint32_t value;

    if ((cmd[0] & (BIT(22) | BIT(21))) && !gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_COPY_MEM_MEM", cmd[1]);
    }
    return gen12_cs_done(
        gen12_mem_read32(e, !(cmd[0] & BIT(22)), address(cmd + 3), &value) &&
        gen12_mem_write32(e, !(cmd[0] & BIT(21)), address(cmd + 1), value));
}

static Gen12CsResult mi_update_gtt(Gen12Engine *e, const uint32_t *cmd,
                                   unsigned n)
{
    uint64_t index = cmd[1] >> 12;

    if (!gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_UPDATE_GTT", cmd[1]);
    }
    for (unsigned i = 2; i + 1 < n && index < GEN12_GSM_SIZE / 8; i += 2) {
        qatomic_set(&e->s->gsm[index++], cpu_to_le64(address(cmd + i)));
    }
    return GEN12_CS_NEXT;
}

#define FLUSH_DW_TLB_INVALIDATE BIT(18)
#define FLUSH_DW_STORE_INDEX    BIT(21)
#define FLUSH_DW_ADDR_GGTT      BIT(2)

static Gen12CsResult mi_flush_dw(Gen12Engine *e, const uint32_t *cmd,
                                 unsigned n)
{
    unsigned op = extract32(cmd[0], 14, 2);
    bool ggtt = n > 1 && (cmd[1] & FLUSH_DW_ADDR_GGTT);
    uint64_t addr;

    if (cmd[0] & FLUSH_DW_TLB_INVALIDATE) {
        gen12_tlb_flush(e, false);
    }
    if (!op || n < 4) {
        return GEN12_CS_NEXT;
    }
    if ((ggtt || (cmd[0] & FLUSH_DW_STORE_INDEX)) && !gen12_cs_privileged(e)) {
        return privilege_error(e, "MI_FLUSH_DW", cmd[1]);
    }
    if (cmd[0] & FLUSH_DW_STORE_INDEX) {
        addr = status_page(e, !ggtt) + (cmd[1] & 0xff8);
        ggtt = true;
    } else {
        addr = address(cmd + 1) & ~7ull;
    }
    if (op == 1 && n == 4) {
        return gen12_cs_done(gen12_mem_write32(e, !ggtt, addr, cmd[3]));
    }
    return gen12_cs_post_sync(e, !ggtt, addr, op,
                              n > 4 ? address(cmd + 3) : cmd[3]);
}

#define BB_START_PPGTT      BIT(8)
#define BB_START_PREDICATE  BIT(15)
#define BB_START_NESTED     BIT(22)

static Gen12CsResult mi_batch_buffer_start(Gen12Engine *e,
                                           const uint32_t *cmd, unsigned n)
{
    bool nested = cmd[0] & BB_START_NESTED;

    if ((cmd[0] & BB_START_PREDICATE) &&
        !(gen12_ring(e, RING_PREDICATE_RESULT_1) & 1)) {
        return GEN12_CS_NEXT;
    }
    if (nested && e->cs.depth + 1 >= GEN12_CS_LEVELS) {
        return gen12_cs_guest_error(e, "batches nested too deep", cmd[1]);
    }
    gen12_cs_batch_start(e, address(cmd + 1), cmd[0] & BB_START_PPGTT, nested);
    return GEN12_CS_JUMP;
}

/* The batch goes on while the comparison holds. */
static Gen12CsResult mi_conditional_batch_buffer_end(Gen12Engine *e,
                                                     const uint32_t *cmd,
                                                     unsigned n)
{
    bool ok, ppgtt = use_ppgtt(e, cmd[0], &ok);
    uint32_t value;

    if (!ok) {
        return privilege_error(e, "MI_CONDITIONAL_BATCH_BUFFER_END", cmd[2]);
    }
    if (!gen12_mem_read32(e, ppgtt, address(cmd + 2), &value)) {
        return GEN12_CS_HALT;
    }
    if (compare(extract32(cmd[0], 12, 3), value, cmd[1])) {
        return GEN12_CS_NEXT;
    }
    return mi_batch_buffer_end(e, cmd, n);
}

/* An atomic operation: done by the host, so it is atomic for vCPUs too */
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

/* @old and the operands are sign extended, which matters to IMAX and IMIN */
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

#define ATOMIC_OP_64            0x20
#define ATOMIC_INLINE_DATA      BIT(18)
#define ATOMIC_RETURN_DATA      BIT(16)
#define ATOMIC_INLINE_DWORDS    11

/* Operands are dwords 3, 5 and 4, 6; or else general purpose registers 0, 1 */
static void atomic_operands(Gen12Engine *e, Gen12Atomic *a,
                            const uint32_t *cmd, bool inline_data)
{
    for (unsigned i = 0; i < 2; i++) {
        a->operand[i] = inline_data
            ? cmd[3 + i] | (uint64_t)cmd[5 + i] << 32
            : gen12_ring(e, RING_GPR + 8 * i) |
              (uint64_t)gen12_ring(e, RING_GPR + 8 * i + 4) << 32;
    }
}

static Gen12CsResult mi_atomic(Gen12Engine *e, const uint32_t *cmd, unsigned n)
{
    unsigned opcode = extract32(cmd[0], 8, 8);
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
    if (!gen12_mem_atomic(e, ppgtt, address(cmd + 1), size,
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

/* A command whose effect is not modelled; it must not go unnoticed. */
static Gen12CsResult mi_unsupported(Gen12Engine *e, const uint32_t *cmd,
                                    unsigned n)
{
    gen12_count(e->s, GEN12_COUNT_UNSUPPORTED_COMMANDS);
    trace_gen12_unsupported_command(e->info->name, gen12_cs_level(e)->addr,
                                    "MI");
    return GEN12_CS_NEXT;
}

#define MI(name, op, ...) { name, (op) << 23, 0x3fu << 23, __VA_ARGS__ }
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
