/*
 * Intel Gen12 GPU: 3D, GPGPU and media commands (GFXPIPE)
 *
 * Fixed functions and execution units are not modelled.  State commands are
 * therefore skipped; commands that draw or compute are counted as unsupported.
 * PIPE_CONTROL invalidates TLBs, writes memory and registers, and raises its
 * interrupt.  (Volume 2a, "GFXPIPE".)
 *
 * Copyright (c) 2026 i915 VM_BIND contributors
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "gen12_engine.h"
#include "trace.h"

#define PIPE_CONTROL_NOTIFY         BIT(8)
#define PIPE_CONTROL_TLB_INVALIDATE BIT(18)
#define PIPE_CONTROL_STORE_INDEX    BIT(21)
#define PIPE_CONTROL_LRI            BIT(23)
#define PIPE_CONTROL_GGTT           BIT(24)

/*
 * The PRM gives a length of 6 dwords, which i915 and Mesa use.  IGT's
 * gem_pipe_control_store_loop sends 5 dwords.  The model then takes the upper
 * half of the immediate as 0; the PRM does not say what hardware does.
 */
static Gen12CsResult pipe_control(Gen12Engine *e, const uint32_t *cmd,
                                  unsigned n)
{
    uint32_t flags = cmd[1];
    uint64_t addr = (cmd[2] & ~3u) | (uint64_t)cmd[3] << 32;
    uint64_t imm = cmd[4] | (n > 5 ? (uint64_t)cmd[5] << 32 : 0);
    bool ggtt = flags & PIPE_CONTROL_GGTT;
    Gen12PostSync op = POST_SYNC_OPERATION(flags);
    Gen12CsResult result;

    if (flags & PIPE_CONTROL_TLB_INVALIDATE) {
        gen12_tlb_flush(e, false);
    }
    if ((flags & (PIPE_CONTROL_GGTT | PIPE_CONTROL_STORE_INDEX |
                  PIPE_CONTROL_LRI)) && !gen12_cs_privileged(e)) {
        gen12_count(e->s, GEN12_COUNT_PRIVILEGE_ERRORS);
        trace_gen12_privilege(e->info->name, gen12_cs_level(e)->addr,
                              "PIPE_CONTROL", flags);
        return GEN12_CS_NEXT;
    }
    if (flags & PIPE_CONTROL_LRI) {
        gen12_reg_write(e->s, e, addr & MI_REG_OFFSET, cmd[4]);
        return GEN12_CS_NEXT;
    }
    if (flags & PIPE_CONTROL_STORE_INDEX) {
        addr = gen12_cs_status_page(e, !ggtt) + (addr & HWSP_OFFSET_QWORD);
        ggtt = true;
    }
    result = gen12_cs_post_sync(e, !ggtt, addr & ~7ull, op, imm);
    if (flags & PIPE_CONTROL_NOTIFY) {
        gen12_irq_raise(e, INTR_PIPE_CONTROL);
    }
    return result;
}

static Gen12CsResult unsupported(Gen12Engine *e, const uint32_t *cmd,
                                 unsigned n)
{
    return gen12_cs_unsupported(e, "draws or computes");
}

#define GFX(name, op, ...) { name, (uint32_t)(op) << 16, \
                             .engines = BIT(GEN12_CLASS_RENDER), __VA_ARGS__ }
#define STATE(name, op) GFX(name, op, .length_mask = 0xff, .bias = 2)
#define MEDIA(name, op, ...) GFX(name, op, .length_mask = 0xffff, .bias = 2, \
                                 __VA_ARGS__)

const Gen12Command gen12_gfx_commands[] = {
    STATE("STATE_BASE_ADDRESS", 0x6101),
    STATE("STATE_SIP", 0x6102),
    STATE("SWTESS_BASE_ADDRESS", 0x6103),
    STATE("GPGPU_CSR_BASE_ADDRESS", 0x6104),
    STATE("STATE_COMPUTE_MODE", 0x6105),
    STATE("STATE_PREFETCH", 0x6003),
    { "MFX_WAIT", 0x6800u << 16 },
    GFX("3DSTATE_VF_STATISTICS", 0x680b),
    GFX("PIPELINE_SELECT", 0x6904),
    MEDIA("MEDIA_VFE_STATE", 0x7000),
    MEDIA("MEDIA_CURBE_LOAD", 0x7001),
    MEDIA("MEDIA_INTERFACE_DESCRIPTOR_LOAD", 0x7002),
    MEDIA("MEDIA_STATE_FLUSH", 0x7004),
    MEDIA("MEDIA_POOL_STATE", 0x7005),
    MEDIA("MEDIA_OBJECT", 0x7100, .run = unsupported),
    MEDIA("MEDIA_OBJECT_PRT", 0x7102, .run = unsupported),
    MEDIA("MEDIA_OBJECT_WALKER", 0x7103, .run = unsupported),
    MEDIA("GPGPU_WALKER", 0x7105, .run = unsupported),
    STATE("3DSTATE_CLEAR_PARAMS", 0x7804),
    STATE("3DSTATE_DEPTH_BUFFER", 0x7805),
    STATE("3DSTATE_STENCIL_BUFFER", 0x7806),
    STATE("3DSTATE_HIER_DEPTH_BUFFER", 0x7807),
    STATE("3DSTATE_VERTEX_BUFFERS", 0x7808),
    STATE("3DSTATE_VERTEX_ELEMENTS", 0x7809),
    STATE("3DSTATE_INDEX_BUFFER", 0x780a),
    STATE("3DSTATE_VF", 0x780c),
    STATE("3DSTATE_MULTISAMPLE", 0x780d),
    STATE("3DSTATE_CC_STATE_POINTERS", 0x780e),
    STATE("3DSTATE_SCISSOR_STATE_POINTERS", 0x780f),
    STATE("3DSTATE_VS", 0x7810),
    STATE("3DSTATE_GS", 0x7811),
    STATE("3DSTATE_CLIP", 0x7812),
    STATE("3DSTATE_SF", 0x7813),
    STATE("3DSTATE_WM", 0x7814),
    STATE("3DSTATE_CONSTANT_VS", 0x7815),
    STATE("3DSTATE_CONSTANT_GS", 0x7816),
    STATE("3DSTATE_CONSTANT_PS", 0x7817),
    STATE("3DSTATE_SAMPLE_MASK", 0x7818),
    STATE("3DSTATE_CONSTANT_HS", 0x7819),
    STATE("3DSTATE_CONSTANT_DS", 0x781a),
    STATE("3DSTATE_HS", 0x781b),
    STATE("3DSTATE_TE", 0x781c),
    STATE("3DSTATE_DS", 0x781d),
    STATE("3DSTATE_STREAMOUT", 0x781e),
    STATE("3DSTATE_SBE", 0x781f),
    STATE("3DSTATE_PS", 0x7820),
    STATE("3DSTATE_VIEWPORT_STATE_POINTERS_SF_CLIP", 0x7821),
    STATE("3DSTATE_CPS_POINTERS", 0x7822),
    STATE("3DSTATE_VIEWPORT_STATE_POINTERS_CC", 0x7823),
    STATE("3DSTATE_BLEND_STATE_POINTERS", 0x7824),
    STATE("3DSTATE_BINDING_TABLE_POINTERS_VS", 0x7826),
    STATE("3DSTATE_BINDING_TABLE_POINTERS_HS", 0x7827),
    STATE("3DSTATE_BINDING_TABLE_POINTERS_DS", 0x7828),
    STATE("3DSTATE_BINDING_TABLE_POINTERS_GS", 0x7829),
    STATE("3DSTATE_BINDING_TABLE_POINTERS_PS", 0x782a),
    STATE("3DSTATE_SAMPLER_STATE_POINTERS_VS", 0x782b),
    STATE("3DSTATE_SAMPLER_STATE_POINTERS_HS", 0x782c),
    STATE("3DSTATE_SAMPLER_STATE_POINTERS_DS", 0x782d),
    STATE("3DSTATE_SAMPLER_STATE_POINTERS_GS", 0x782e),
    STATE("3DSTATE_SAMPLER_STATE_POINTERS_PS", 0x782f),
    STATE("3DSTATE_URB_VS", 0x7830),
    STATE("3DSTATE_URB_HS", 0x7831),
    STATE("3DSTATE_URB_DS", 0x7832),
    STATE("3DSTATE_URB_GS", 0x7833),
    STATE("3DSTATE_GATHER_CONSTANT_VS", 0x7834),
    STATE("3DSTATE_GATHER_CONSTANT_GS", 0x7835),
    STATE("3DSTATE_GATHER_CONSTANT_HS", 0x7836),
    STATE("3DSTATE_GATHER_CONSTANT_DS", 0x7837),
    STATE("3DSTATE_GATHER_CONSTANT_PS", 0x7838),
    STATE("3DSTATE_BINDING_TABLE_EDIT_VS", 0x7843),
    STATE("3DSTATE_BINDING_TABLE_EDIT_GS", 0x7844),
    STATE("3DSTATE_BINDING_TABLE_EDIT_HS", 0x7845),
    STATE("3DSTATE_BINDING_TABLE_EDIT_DS", 0x7846),
    STATE("3DSTATE_BINDING_TABLE_EDIT_PS", 0x7847),
    STATE("3DSTATE_VF_INSTANCING", 0x7849),
    STATE("3DSTATE_VF_SGVS", 0x784a),
    STATE("3DSTATE_VF_TOPOLOGY", 0x784b),
    STATE("3DSTATE_WM_CHROMAKEY", 0x784c),
    STATE("3DSTATE_PS_BLEND", 0x784d),
    STATE("3DSTATE_WM_DEPTH_STENCIL", 0x784e),
    STATE("3DSTATE_PS_EXTRA", 0x784f),
    STATE("3DSTATE_RASTER", 0x7850),
    STATE("3DSTATE_SBE_SWIZ", 0x7851),
    STATE("3DSTATE_WM_HZ_OP", 0x7852),
    STATE("3DSTATE_VF_COMPONENT_PACKING", 0x7855),
    STATE("3DSTATE_VF_SGVS_2", 0x7856),
    STATE("3DSTATE_PRIMITIVE_REPLICATION", 0x786c),
    STATE("3DSTATE_CONSTANT_ALL", 0x786d),
    STATE("3DSTATE_DEPTH_BOUNDS", 0x7871),
    STATE("3DSTATE_DRAWING_RECTANGLE", 0x7900),
    STATE("3DSTATE_SAMPLER_PALETTE_LOAD0", 0x7902),
    STATE("3DSTATE_CHROMA_KEY", 0x7904),
    STATE("3DSTATE_POLY_STIPPLE_OFFSET", 0x7906),
    STATE("3DSTATE_POLY_STIPPLE_PATTERN", 0x7907),
    STATE("3DSTATE_LINE_STIPPLE", 0x7908),
    STATE("3DSTATE_AA_LINE_PARAMETERS", 0x790a),
    STATE("3DSTATE_SAMPLER_PALETTE_LOAD1", 0x790c),
    STATE("3DSTATE_MONOFILTER_SIZE", 0x7911),
    STATE("3DSTATE_PUSH_CONSTANT_ALLOC_VS", 0x7912),
    STATE("3DSTATE_PUSH_CONSTANT_ALLOC_HS", 0x7913),
    STATE("3DSTATE_PUSH_CONSTANT_ALLOC_DS", 0x7914),
    STATE("3DSTATE_PUSH_CONSTANT_ALLOC_GS", 0x7915),
    STATE("3DSTATE_PUSH_CONSTANT_ALLOC_PS", 0x7916),
    GFX("3DSTATE_SO_DECL_LIST", 0x7917, .length_mask = 0x1ff, .bias = 2),
    STATE("3DSTATE_SO_BUFFER", 0x7918),
    STATE("3DSTATE_BINDING_TABLE_POOL_ALLOC", 0x7919),
    STATE("3DSTATE_GATHER_POOL_ALLOC", 0x791a),
    STATE("3DSTATE_SAMPLE_PATTERN", 0x791c),
    STATE("3DSTATE_URB_CLEAR", 0x791d),
    STATE("3DSTATE_3D_MODE", 0x791e),
    STATE("3DSTATE_SUBSLICE_HASH_TABLE", 0x791f),
    STATE("3DSTATE_SLICE_TABLE_STATE_POINTERS", 0x7920),
    STATE("3DSTATE_PTBR_TILE_PASS_INFO", 0x7922),
    STATE("3DSTATE_SO_BUFFER_INDEX_0", 0x7960),
    STATE("3DSTATE_SO_BUFFER_INDEX_1", 0x7961),
    STATE("3DSTATE_SO_BUFFER_INDEX_2", 0x7962),
    STATE("3DSTATE_SO_BUFFER_INDEX_3", 0x7963),
    GFX("PIPE_CONTROL", 0x7a00, .length_mask = 0xff, .bias = 2, .min = 5,
        .run = pipe_control),
    GFX("3DPRIMITIVE", 0x7b00, .length_mask = 0xff, .bias = 2,
        .run = unsupported),
};

const size_t gen12_gfx_command_count = ARRAY_SIZE(gen12_gfx_commands);
