/*
 * Intel Gen12 GPU: command streamer
 *
 * The command streamer fetches commands from the ring and from batches,
 * decodes them by tables, and calls their handlers.  It copies a command
 * before it reads it, so that the guest cannot change the command meanwhile.
 *
 * A command that is in no table is counted.  If its type has a rule for the
 * length, the command is then skipped; otherwise it is an instruction error,
 * which halts the engine until a reset.
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

/* The fields of a header that the decoder looks at */
#define HEADER_TYPE(header)         extract32(header, 29, 3)
#define HEADER_MI_OPCODE(header)    extract32(header, 23, 6)
#define HEADER_BLT_OPCODE(header)   extract32(header, 22, 7)
#define HEADER_GFX_SUBTYPE(header)  extract32(header, 27, 2)
#define HEADER_GFX_OPCODE(header)   extract32(header, 16, 13) /* and subtype */

enum { TYPE_MI = 0, TYPE_BLT = 2, TYPE_GFX = 3 };
enum { SUBTYPE_MEDIA = 2 };         /* of TYPE_GFX */

#define WA_COMMANDS_MAX 4096

/* By opcode: the index of the command in its table, plus 1 */
static uint8_t mi_index[64];
static uint8_t blt_index[128];
static uint8_t gfx_index[8192];

/* Builds the indices of the tables; they are the same for all devices. */
void gen12_cs_init(void)
{
    for (unsigned i = 0; i < gen12_mi_command_count; i++) {
        mi_index[HEADER_MI_OPCODE(gen12_mi_commands[i].opcode)] = i + 1;
    }
    for (unsigned i = 0; i < gen12_blt_command_count; i++) {
        blt_index[HEADER_BLT_OPCODE(gen12_blt_commands[i].opcode)] = i + 1;
    }
    assert(gen12_gfx_command_count < UINT8_MAX);
    for (unsigned i = 0; i < gen12_gfx_command_count; i++) {
        gfx_index[HEADER_GFX_OPCODE(gen12_gfx_commands[i].opcode)] = i + 1;
    }
}

/* Commands that are in no table, but have a type with a rule for the length */
static const Gen12Command unlisted_blt = {
    "unlisted 2D", .length_mask = 0xff, .bias = 2,
};
static const Gen12Command unlisted_gfx = {
    "unlisted GFXPIPE", .length_mask = 0xff, .bias = 2,
};
static const Gen12Command unlisted_media = {
    "unlisted media", .length_mask = 0xfff, .bias = 2,
};

/* Pipelines of the media engines (MFX, HCP, VDENC, ...), all treated alike */
static const Gen12Command media_pipeline = {
    "media pipeline", .length_mask = 0xfff, .bias = 2,
};

static const Gen12Command *decode_unlisted(Gen12Engine *e, uint32_t header)
{
    switch (HEADER_TYPE(header)) {
    case TYPE_BLT:
        return &unlisted_blt;
    case TYPE_GFX:
        return HEADER_GFX_SUBTYPE(header) == SUBTYPE_MEDIA ? &unlisted_media
                                                           : &unlisted_gfx;
    default:
        return NULL;
    }
}

static bool has_media_pipeline(Gen12Engine *e)
{
    return e->info->class == GEN12_CLASS_VIDEO ||
           e->info->class == GEN12_CLASS_VIDEO_ENHANCE;
}

static const Gen12Command *decode(Gen12Engine *e, uint32_t header)
{
    const Gen12Command *cmd = NULL;
    unsigned i;

    switch (HEADER_TYPE(header)) {
    case TYPE_MI:
        i = mi_index[HEADER_MI_OPCODE(header)];
        cmd = i ? &gen12_mi_commands[i - 1] : NULL;
        break;
    case TYPE_BLT:
        i = blt_index[HEADER_BLT_OPCODE(header)];
        cmd = i ? &gen12_blt_commands[i - 1] : NULL;
        break;
    case TYPE_GFX:
        i = gfx_index[HEADER_GFX_OPCODE(header)];
        cmd = i ? &gen12_gfx_commands[i - 1] : NULL;
        if (has_media_pipeline(e) &&
            HEADER_GFX_SUBTYPE(header) == SUBTYPE_MEDIA) {
            cmd = &media_pipeline;
        }
        break;
    }
    if (cmd && cmd->engines && !(cmd->engines & BIT(e->info->class))) {
        cmd = NULL;
    }
    return cmd;
}

static unsigned command_dwords(const Gen12Command *cmd, uint32_t header)
{
    return cmd->length_mask ? (header & cmd->length_mask) + cmd->bias : 1;
}

static uint32_t ring_size(Gen12Engine *e)
{
    return (gen12_ring(e, RING_CTL) & RING_CTL_PAGES) + 4 * KiB;
}

static uint32_t ring_head(Gen12Engine *e)
{
    return gen12_ring(e, RING_HEAD) & RING_HEAD_MASK;
}

/* Bytes between head and tail */
static uint32_t ring_bytes(Gen12Engine *e)
{
    uint32_t tail = gen12_ring(e, RING_TAIL) & RING_TAIL_MASK;
    uint32_t head = ring_head(e);

    return tail >= head ? tail - head : tail + ring_size(e) - head;
}

bool gen12_cs_ring_empty(Gen12Engine *e)
{
    return e->cs.depth == 0 &&
           (!(gen12_ring(e, RING_CTL) & RING_CTL_VALID) || !ring_bytes(e));
}

static uint64_t position(Gen12Engine *e)
{
    if (e->cs.depth == 0) {
        return gen12_ring(e, RING_START) + ring_head(e);
    }
    return gen12_cs_level(e)->addr;
}

static void advance(Gen12Engine *e, unsigned dwords)
{
    if (e->cs.depth == 0) {
        uint32_t head = gen12_ring(e, RING_HEAD);
        uint32_t next = (head & RING_HEAD_MASK) + 4 * dwords;

        head &= ~RING_HEAD_MASK;
        if (next >= ring_size(e)) {
            next -= ring_size(e);
            head += RING_HEAD_WRAP;
        }
        gen12_ring_set(e, RING_HEAD, head | (next & RING_HEAD_MASK));
    } else {
        gen12_cs_level(e)->addr += 4 * dwords;
    }
}

/* Reads @n dwords, @skip dwords after the current position; the ring wraps. */
static bool fetch(Gen12Engine *e, uint32_t *dst, unsigned skip, unsigned n)
{
    uint64_t addr = position(e) + 4 * skip;
    size_t bytes = 4 * (size_t)n, first = bytes;

    if (e->cs.depth == 0) {
        uint64_t end = (uint64_t)gen12_ring(e, RING_START) + ring_size(e);

        if (addr >= end) {
            addr -= ring_size(e);
        }
        first = MIN(bytes, end - addr);
    }
    if (!gen12_mem_read(e, gen12_cs_level(e)->ppgtt, addr, dst, first)) {
        return false;
    }
    return first == bytes ||
           gen12_mem_read(e, false, gen12_ring(e, RING_START),
                          (void *)dst + first, bytes - first);
}

/* Shows the position in the registers that the driver reads after a hang. */
static void publish(Gen12Engine *e, uint32_t header)
{
    uint64_t addr = position(e);

    gen12_ring_set(e, RING_IPEHR, header);
    gen12_ring_set(e, RING_INSTDONE, ~1u);
    gen12_ring_set64(e, RING_ACTHD, RING_ACTHD_UDW, addr);
    gen12_ring_set64(e, RING_DMA_FADD, RING_DMA_FADD_UDW, addr);
    if (e->cs.depth && !e->cs.in_wa) {
        Gen12CsLevel *first = &e->cs.level[1];

        gen12_ring_set64(e, RING_BB_ADDR, RING_BB_ADDR_UDW,
                         first->addr | BB_ADDR_VALID);
        gen12_ring_set(e, RING_BB_STATE, first->ppgtt ? BB_STATE_PPGTT : 0);
    }
}

/* Writes the position to the registers that a context image holds. */
void gen12_cs_save_position(Gen12Engine *e)
{
    Gen12CsLevel *l = e->cs.level;

    gen12_ring_set64(e, RING_BB_ADDR, RING_BB_ADDR_UDW,
                     e->cs.depth >= 1 ? l[1].addr | BB_ADDR_VALID : 0);
    gen12_ring_set(e, RING_BB_STATE, l[1].ppgtt ? BB_STATE_PPGTT : 0);
    gen12_ring_set64(e, RING_SBB_ADDR, RING_SBB_ADDR_UDW,
                     e->cs.depth >= 2 ? l[2].addr | BB_ADDR_VALID : 0);
    gen12_ring_set(e, RING_SBB_STATE, l[2].ppgtt ? BB_STATE_PPGTT : 0);
}

static bool resume_level(Gen12Engine *e, uint32_t ldw, uint32_t udw,
                         uint32_t state)
{
    uint32_t addr = gen12_ring(e, ldw);

    if (!(addr & BB_ADDR_VALID)) {
        return false;
    }
    e->cs.depth++;
    *gen12_cs_level(e) = (Gen12CsLevel) {
        .addr = (addr & ~3u) | (uint64_t)gen12_ring(e, udw) << 32,
        .ppgtt = gen12_ring(e, state) & BB_STATE_PPGTT,
    };
    return true;
}

/* Takes the position from the registers of a restored context. */
void gen12_cs_resume(Gen12Engine *e)
{
    gen12_cs_reset(e);
    if (resume_level(e, RING_BB_ADDR, RING_BB_ADDR_UDW, RING_BB_STATE)) {
        resume_level(e, RING_SBB_ADDR, RING_SBB_ADDR_UDW, RING_SBB_STATE);
    }
}

void gen12_cs_reset(Gen12Engine *e)
{
    memset(e->cs.level, 0, sizeof(e->cs.level));
    e->cs.depth = 0;
    e->cs.arbitrate = true;
    e->cs.in_wa = false;
    e->cs.predicate = false;
    e->cs.wait_reported = false;
    e->cs.polls = 0;
    e->cs.progress = 0;
}

/* An instruction error: the engine halts until it is reset. */
Gen12CsResult gen12_cs_guest_error(Gen12Engine *e, const char *what,
                                   uint64_t detail)
{
    gen12_guest_error(e->s, e->info->name, what, detail);
    e->halted = true;
    gen12_engine_error(e, ERROR_INSTRUCTION);
    return GEN12_CS_HALT;
}

/* Counts a known command whose effect is not modelled. */
Gen12CsResult gen12_cs_unsupported(Gen12Engine *e, const char *what)
{
    gen12_count(e->s, GEN12_COUNT_UNSUPPORTED_COMMANDS);
    trace_gen12_unsupported_command(e->info->name, gen12_cs_level(e)->addr,
                                    what);
    return GEN12_CS_NEXT;
}

static Gen12CsResult unknown_command(Gen12Engine *e, uint32_t header)
{
    gen12_count(e->s, GEN12_COUNT_UNKNOWN_COMMANDS);
    trace_gen12_unknown_command(e->info->name, position(e), header);
    return gen12_cs_guest_error(e, "unknown command", header);
}

/* A command without effect: it sets state that the model does not use. */
static Gen12CsResult skip_command(Gen12Engine *e, const Gen12Command *cmd)
{
    gen12_count(e->s, GEN12_COUNT_SKIPPED_COMMANDS);
    if (cmd == &media_pipeline) {
        gen12_count(e->s, GEN12_COUNT_UNSUPPORTED_COMMANDS);
    }
    return GEN12_CS_NEXT;
}

/* Fetches the whole command and runs it. */
static Gen12CsResult run_command(Gen12Engine *e, const Gen12Command *cmd,
                                 unsigned dwords)
{
    unsigned n = MIN(dwords, GEN12_CS_MAX_DWORDS);

    if (e->cs.predicate && !cmd->unpredicated) {
        return GEN12_CS_NEXT;
    }
    if (!cmd->run) {
        return skip_command(e, cmd);
    }
    if (dwords < cmd->min) {
        return gen12_cs_guest_error(e, "short command", e->cs.cmd[0]);
    }
    if (n > 1 && !fetch(e, e->cs.cmd + 1, 1, n - 1)) {
        return GEN12_CS_HALT;
    }
    for (unsigned i = 0; i < n; i++) {
        e->cs.cmd[i] = le32_to_cpu(e->cs.cmd[i]);
    }
    e->cs.dwords = dwords;
    return cmd->run(e, e->cs.cmd, n);
}

/* Decodes and runs the command at the current position. */
Gen12CsResult gen12_cs_step(Gen12Engine *e)
{
    const Gen12Command *cmd;
    Gen12CsResult result;
    uint32_t header;
    unsigned dwords;

    if (!fetch(e, e->cs.cmd, 0, 1)) {
        return GEN12_CS_HALT;
    }
    header = le32_to_cpu(e->cs.cmd[0]);
    publish(e, header);
    cmd = decode(e, header);
    if (!cmd) {
        cmd = decode_unlisted(e, header);
        if (!cmd) {
            return unknown_command(e, header);
        }
        gen12_count(e->s, GEN12_COUNT_UNKNOWN_COMMANDS);
        trace_gen12_unknown_command(e->info->name, position(e), header);
    }
    trace_gen12_command(e->info->name, e->cs.depth, position(e), header,
                        cmd->name);
    gen12_count(e->s, GEN12_COUNT_COMMANDS);
    dwords = command_dwords(cmd, header);
    if (e->cs.depth == 0 && !e->cs.in_wa && dwords * 4 > ring_bytes(e)) {
        return gen12_cs_guest_error(e, "command beyond the tail", header);
    }
    result = run_command(e, cmd, dwords);
    if (result == GEN12_CS_NEXT || result == GEN12_CS_ARBITRATE) {
        advance(e, dwords);
        e->cs.polls = 0;
        e->cs.wait_reported = false;
        e->cs.progress = 0;
    }
    return result;
}

/*
 * Runs a workaround batch during a context restore: @bytes of commands, or all
 * up to MI_BATCH_BUFFER_END if @bytes is 0.  The batch is privileged and is
 * not preempted.
 */
void gen12_cs_run_wa(Gen12Engine *e, uint64_t addr, uint32_t bytes)
{
    e->cs.in_wa = true;
    e->cs.wa_end = false;
    e->cs.depth = 1;
    e->cs.level[1] = (Gen12CsLevel) { .addr = addr, .ppgtt = false };
    for (unsigned i = 0; !e->cs.wa_end && !e->halted; i++) {
        if (bytes && gen12_cs_level(e)->addr >= addr + bytes) {
            break;
        }
        if (i == WA_COMMANDS_MAX) {
            gen12_cs_guest_error(e, "workaround batch does not end", addr);
            break;
        }
        gen12_cs_step(e);
    }
    e->cs.in_wa = false;
    e->cs.depth = 0;
}

/*
 * MI_BATCH_BUFFER_START: the ring starts a batch, a batch chains to another,
 * or, if @nested, a batch calls another.
 */
void gen12_cs_batch_start(Gen12Engine *e, uint64_t addr, bool ppgtt,
                          bool nested)
{
    /* A batch in a PPGTT cannot start a privileged batch. */
    ppgtt |= gen12_cs_level(e)->ppgtt;
    advance(e, e->cs.dwords);
    if (e->cs.depth == 0 || nested) {
        e->cs.depth++;
    }
    *gen12_cs_level(e) = (Gen12CsLevel) { .addr = addr & ~3ull,
                                          .ppgtt = ppgtt };
    gen12_ring_set64(e, RING_BB_START_ADDR, RING_BB_START_ADDR_UDW, addr);
    gen12_count(e->s, GEN12_COUNT_BATCHES);
    e->cs.jumps++;
}

void gen12_cs_batch_end(Gen12Engine *e)
{
    if (e->cs.in_wa) {
        e->cs.wa_end = true;
        return;
    }
    if (e->cs.depth == 0) {
        gen12_cs_guest_error(e, "batch end in the ring", 0);
        return;
    }
    e->cs.predicate = false;
    if (--e->cs.depth == 0) {
        e->cs.jumps = 0;
        gen12_ring_set(e, RING_BB_ADDR, gen12_ring(e, RING_BB_ADDR) &
                                        ~BB_ADDR_VALID);
    }
}

/* The status page of the running context, or of the engine */
uint64_t gen12_cs_status_page(Gen12Engine *e, bool per_context)
{
    return per_context ? gen12_execlists_current(e) & CTX_DESC_LRCA
                       : gen12_ring(e, RING_HWS_PGA) & HWS_PGA_ADDR;
}

/* The write that ends PIPE_CONTROL and MI_FLUSH_DW */
Gen12CsResult gen12_cs_post_sync(Gen12Engine *e, bool ppgtt, uint64_t addr,
                                 Gen12PostSync op, uint64_t imm)
{
    switch (op) {
    case POST_SYNC_WRITE_IMMEDIATE_DATA:
        return gen12_cs_done(gen12_mem_write64(e, ppgtt, addr, imm));
    case POST_SYNC_WRITE_PS_DEPTH_COUNT:        /* nothing is ever drawn */
        return gen12_cs_done(gen12_mem_write64(e, ppgtt, addr, 0));
    case POST_SYNC_WRITE_TIMESTAMP:
        imm = gen12_timestamp(gen12_engine_now(e));
        return gen12_cs_done(gen12_mem_write64(e, ppgtt, addr, imm));
    default:
        return GEN12_CS_NEXT;
    }
}
