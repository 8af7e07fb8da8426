/*
 * Intel Gen12 GPU: MI_MATH, the command streamer's ALU
 *
 * (Volume 2a "MI_MATH"; Volume 8 "Command Streamer ALU Programming".)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"

enum {
    ALU_NOOP = 0x000, ALU_LOAD = 0x080, ALU_LOADINV = 0x480,
    ALU_LOAD0 = 0x081, ALU_LOAD1 = 0x481,
    ALU_ADD = 0x100, ALU_SUB = 0x101, ALU_AND = 0x102, ALU_OR = 0x103,
    ALU_XOR = 0x104,
    ALU_STORE = 0x180, ALU_STOREINV = 0x580,
};

enum {
    OPERAND_SRCA = 0x20, OPERAND_SRCB = 0x21,
    OPERAND_ACCU = 0x31, OPERAND_ZF = 0x32, OPERAND_CF = 0x33,
};

typedef struct Gen12Alu {
    uint64_t srca, srcb, accu;
    bool zf, cf;
} Gen12Alu;

static bool alu_get(Gen12Engine *e, Gen12Alu *alu, unsigned operand,
                    uint64_t *value)
{
    switch (operand) {
    case 0 ... GEN12_GPRS - 1:
        *value = gen12_ring64(e, RING_GPR + 8 * operand);
        return true;
    case OPERAND_ACCU:
        *value = alu->accu;
        return true;
    case OPERAND_ZF:
        *value = alu->zf ? UINT64_MAX : 0;
        return true;
    case OPERAND_CF:
        *value = alu->cf ? UINT64_MAX : 0;
        return true;
    default:
        return false;
    }
}

static bool alu_load(Gen12Alu *alu, unsigned operand, uint64_t value)
{
    if (operand == OPERAND_SRCA) {
        alu->srca = value;
    } else if (operand == OPERAND_SRCB) {
        alu->srcb = value;
    } else {
        return false;
    }
    return true;
}

static bool alu_store(Gen12Engine *e, unsigned operand, uint64_t value)
{
    if (operand >= GEN12_GPRS) {
        return false;
    }
    gen12_ring_set64(e, RING_GPR + 8 * operand, RING_GPR + 8 * operand + 4,
                     value);
    return true;
}

static bool alu_compute(Gen12Alu *alu, unsigned opcode)
{
    switch (opcode) {
    case ALU_ADD:
        alu->accu = alu->srca + alu->srcb;
        alu->cf = alu->accu < alu->srca;
        break;
    case ALU_SUB:
        alu->accu = alu->srca - alu->srcb;
        alu->cf = alu->srca < alu->srcb;
        break;
    case ALU_AND:
        alu->accu = alu->srca & alu->srcb;
        break;
    case ALU_OR:
        alu->accu = alu->srca | alu->srcb;
        break;
    case ALU_XOR:
        alu->accu = alu->srca ^ alu->srcb;
        break;
    default:
        return false;
    }
    if (opcode != ALU_ADD && opcode != ALU_SUB) {
        alu->cf = false;
    }
    alu->zf = alu->accu == 0;
    return true;
}

static bool alu_step(Gen12Engine *e, Gen12Alu *alu, uint32_t insn)
{
    unsigned opcode = extract32(insn, 20, 12);
    unsigned op1 = extract32(insn, 10, 10), op2 = extract32(insn, 0, 10);
    uint64_t value = 0;

    switch (opcode) {
    case ALU_NOOP:
        return true;
    case ALU_LOAD:
    case ALU_LOADINV:
        return alu_get(e, alu, op2, &value) &&
               alu_load(alu, op1, opcode == ALU_LOAD ? value : ~value);
    case ALU_LOAD0:
    case ALU_LOAD1:
        return alu_load(alu, op1, opcode == ALU_LOAD0 ? 0 : UINT64_MAX);
    case ALU_STORE:
    case ALU_STOREINV:
        return alu_get(e, alu, op2, &value) &&
               alu_store(e, op1, opcode == ALU_STORE ? value : ~value);
    default:
        return alu_compute(alu, opcode);
    }
}

Gen12CsResult gen12_alu_run(Gen12Engine *e, const uint32_t *insn, unsigned n)
{
    Gen12Alu alu = { 0 };

    for (unsigned i = 0; i < n; i++) {
        if (!alu_step(e, &alu, insn[i])) {
            return gen12_cs_guest_error(e, "ALU instruction", insn[i]);
        }
    }
    return GEN12_CS_NEXT;
}
