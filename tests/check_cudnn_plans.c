/* check_cudnn_plans.c - which engines cuDNN offers for convolutions and attention of the networks, on GPUs that are not here.
 *
 *     check_cudnn_plans [CANDIDATES]
 *
 * cuDNN plans for a described device as for one that is there; nothing is run. Prints a line for every convolution and
 * GPU, and checks that those that have to be fast are ready-made engines with bias and residual fused: one that is
 * compiled costs a second or more at every start. Attention has compiled engines alone: from sm_80 on it has to have one
 * for every shape. Without the driver's library, libcuda.so.1, compiled engines are not offered at all: tests/driver has
 * one to look at plans with, and without any attention is skipped.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/attention_plan.h"
#include "cuda/conv_plan.h"

/* cuDNN's names; the numbers are those of cudaGetDeviceProperties. */
#define DEVICE(name, version, n_sm, l2, shared, reserved, threads, blocks)                                      \
    "{\"deviceName\":\"" name "\",\"deviceVer\":" version ",\"driverVer\":13000,\"cudaDeviceId\":0,"              \
    "\"multiProcessorCount\":" n_sm ",\"l2CacheSize\":" l2 ",\"maxSharedMemoryPerBlockOptin\":" shared            \
    ",\"maxSharedMemoryPerBlock\":49152,\"reservedSharedMemoryPerBlock\":" reserved ",\"maxThreadsPerSM\":" threads \
    ",\"maxCtasPerSM\":" blocks ",\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"      \
    "\"regsPerBlock\":65536,\"maxRegistersPerSM\":65536,\"warpSize\":32,\"maxThreadsPerBlock\":1024,"             \
    "\"pciDeviceId\":0,\"isTccDriver\":0,\"supportCoopLaunch\":1,\"totalGlobalMem\":16106127360,"                 \
    "\"smClockRateKHz\":1500000,\"memClockRateKHz\":2000000}"

static const struct {
    const char *name, *json;
    bool        attends;
} devices[] = {
    { "H100", DEVICE("NVIDIA H100 80GB HBM3", "900", "132", "52428800", "232448", "1024", "2048", "32"), true },
    { "A100", DEVICE("NVIDIA A100-SXM4-80GB", "800", "108", "41943040", "166912", "1024", "2048", "32"), true },
    { "T4", DEVICE("Tesla T4", "750", "40", "4194304", "65536", "0", "1024", "16"), false },
};

typedef struct row {
    const char   *label;
    bool          has_to; /* be fused and ready-made */
    hf_conv_shape s;
} row;

#define PADDED .kernel_h = 3, .kernel_w = 3, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1
#define F16 .in = HF_F16, .out = HF_F16

static const row rows[] = {
    { "U-Net 64x64 320", true, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 320, PADDED, F16, .bias = 1 } },
    { "U-Net 64x64 320 + residual", true, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 320, PADDED, F16, .bias = 1, .residual = 1 } },
    { "U-Net 32x32 640 + residual", true, { .n = 8, .h = 32, .w = 32, .c = 640, .n_out = 640, PADDED, F16, .bias = 1, .residual = 1 } },
    { "U-Net 16x16 2560 to 1280", true, { .n = 8, .h = 16, .w = 16, .c = 2560, .n_out = 1280, PADDED, F16, .bias = 1 } },
    { "U-Net 8x8 1280 + residual, batch 1", true, { .n = 1, .h = 8, .w = 8, .c = 1280, .n_out = 1280, PADDED, F16, .bias = 1, .residual = 1 } },
    { "U-Net 64x64 320 stride 2", true, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 320, PADDED, .stride = 2, F16, .bias = 1 } },
    { "U-Net in: 4 channels, padded to 8", true, { .n = 8, .h = 64, .w = 64, .c = 8, .n_out = 320, PADDED, F16, .bias = 1 } },
    { "U-Net out: 320 to 4", true, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 4, PADDED, F16, .bias = 1 } },
    { "VAE in: 3 channels, padded to 8", true, { .n = 8, .h = 512, .w = 512, .c = 8, .n_out = 128, PADDED, F16, .bias = 1 } },
    { "VAE 512x512 128 + residual", true, { .n = 8, .h = 512, .w = 512, .c = 128, .n_out = 128, PADDED, F16, .bias = 1, .residual = 1 } },
    { "VAE 256x256 128 to 256", true, { .n = 8, .h = 256, .w = 256, .c = 128, .n_out = 256, PADDED, F16, .bias = 1 } },
    { "VAE 512x512 128 stride 2, padded on two sides", true, { .n = 8, .h = 512, .w = 512, .c = 128, .n_out = 128, .kernel_h = 3, .kernel_w = 3, .pad_bottom = 1, .pad_right = 1, .stride = 2, F16, .bias = 1 } },
    { "TAESD 64 + residual, relu", true, { .n = 8, .h = 256, .w = 256, .c = 64, .n_out = 64, PADDED, F16, .bias = 1, .residual = 1, .activation = HF_ACT_RELU } },
    { "aggregation 96", true, { .n = 8, .h = 64, .w = 64, .c = 96, .n_out = 96, PADDED, F16 } },
    { "f16 silu", false, { .n = 8, .h = 64, .w = 64, .c = 64, .n_out = 64, PADDED, F16, .bias = 1, .activation = HF_ACT_SILU } },
    { "f16 into f32", false, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 320, PADDED, .in = HF_F16, .out = HF_F32, .bias = 1 } },
    { "bf16 + residual", false, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 320, PADDED, .in = HF_BF16, .out = HF_BF16, .bias = 1, .residual = 1 } },
    { "f32 + residual", false, { .n = 8, .h = 64, .w = 64, .c = 320, .n_out = 320, PADDED, .in = HF_F32, .out = HF_F32, .bias = 1, .residual = 1 } },
    { "f32 19 to 37", false, { .n = 1, .h = 33, .w = 31, .c = 19, .n_out = 37, PADDED, .in = HF_F32, .out = HF_F32 } },
};

typedef struct attention_row {
    const char        *label;
    hf_attention_shape s;
} attention_row;

static const attention_row attention_rows[] = {
    { "SD1.5 64x64", { .n = 8, .n_heads = 8, .d = 40, .l_q = 4096, .l_k = 4096 } },
    { "SD1.5 64x64, text", { .n = 8, .n_heads = 8, .d = 40, .l_q = 4096, .l_k = 77 } },
    { "SD1.5 32x32", { .n = 8, .n_heads = 8, .d = 80, .l_q = 1024, .l_k = 1024 } },
    { "SD1.5 16x16", { .n = 8, .n_heads = 8, .d = 160, .l_q = 256, .l_k = 256 } },
    { "SD1.5 8x8", { .n = 8, .n_heads = 8, .d = 160, .l_q = 64, .l_k = 64 } },
    { "SD2.1 64x64", { .n = 8, .n_heads = 5, .d = 64, .l_q = 4096, .l_k = 4096 } },
    { "SD1.5 60x107", { .n = 8, .n_heads = 8, .d = 40, .l_q = 6420, .l_k = 6420 } },
    { "VAE", { .n = 2, .n_heads = 1, .d = 512, .l_q = 4096, .l_k = 4096 } },
    { "ViT-S/14 at 518", { .n = 8, .n_heads = 6, .d = 64, .l_q = 1370, .l_k = 1370 } },
    { "ViT-S/14 at 518, bf16", { .n = 8, .n_heads = 6, .d = 64, .l_q = 1370, .l_k = 1370, .type = HF_BF16 } },
};

static int n_passed, n_failed;

static hf_conv_shape shape_of(const row *r)
{
    hf_conv_shape s = r->s;
    s.stride = s.stride ? s.stride : 1;
    s.dilation = 1;
    s.align = HF_CUDA_ALIGN_MOST; /* as arrays from an arena are */
    s.ho = hf_conv2d_out_size(s.h, s.kernel_h, s.stride, 1, s.pad_top, s.pad_bottom);
    s.wo = hf_conv2d_out_size(s.w, s.kernel_w, s.stride, 1, s.pad_left, s.pad_right);
    return s;
}

static void check_row(hf_cudnn_library *library, const char *device, const row *r, int n_candidates)
{
    hf_conv_shape shape = shape_of(r);
    hf_conv_plan *plan = NULL;
    hf_error err = { 0 };
    char text[256] = "";
    int rc = hf_conv_plan_new(&plan, library, &shape, (size_t)256 << 20, n_candidates, &err);
    for (int i = 0; plan && i < hf_conv_plan_candidates(plan); i++) {
        hf_conv_plan_choose(plan, i);
        hf_conv_plan_describe(plan, text, sizeof(text));
        printf("%-5s %-46s %s, workspace %zu\n", device, r->label, text, hf_conv_plan_workspace(plan));
    }
    if (!plan)
        printf("%-5s %-46s none: %s\n", device, r->label, err.text);
    bool fails = (rc < 0 && rc != HF_EUNSUPPORTED) || (r->has_to && !strstr(text, "ready-made"));
    n_failed += fails;
    n_passed += !fails;
    if (fails)
        printf("FAILED %s on %s: want a ready-made engine\n", r->label, device);
    hf_conv_plan_free(&plan);
}

static void check_attention(hf_cudnn_library *library, const char *device, bool has_to, const attention_row *r,
                            int n_candidates)
{
    hf_attention_shape shape = r->s;
    hf_attention_plan *plan = NULL;
    hf_error err = { 0 };
    char text[256] = "";
    shape.channels = shape.n_heads * shape.d;
    shape.type = shape.type ? shape.type : (int32_t)HF_F16;
    shape.align = HF_CUDA_ALIGN_MOST;
    int rc = hf_attention_plan_new(&plan, library, &shape, (size_t)32 << 20, n_candidates, &err);
    for (int i = 0; plan && i < hf_attention_plan_candidates(plan); i++) {
        hf_attention_plan_choose(plan, i);
        hf_attention_plan_describe(plan, text, sizeof(text));
        printf("%-5s attention, %-35s %s, workspace %zu\n", device, r->label, text, hf_attention_plan_workspace(plan));
    }
    if (!plan)
        printf("%-5s attention, %-35s none: %s\n", device, r->label, err.text);
    bool fails = (rc < 0 && rc != HF_EUNSUPPORTED) || (has_to && !plan);
    n_failed += fails;
    n_passed += !fails;
    if (fails)
        printf("FAILED attention, %s on %s: want an engine\n", r->label, device);
    hf_attention_plan_free(&plan);
}

/* Of one GPU; returns how many rows were skipped. */
static int check_attentions(hf_cudnn_library *library, const char *device, bool has_to, int n_candidates)
{
    const int n = (int)(sizeof(attention_rows) / sizeof(attention_rows[0]));
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY);
    for (int i = 0; driver && i < n; i++)
        check_attention(library, device, has_to, &attention_rows[i], n_candidates);
    if (!driver)
        return printf("skipped attention on %s: no libcuda.so.1\n", device), n;
    dlclose(driver);
    return 0;
}

int main(int argc, char **argv)
{
    int n_candidates = argc > 1 ? atoi(argv[1]) : 1, n_skipped = 0;
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        hf_cudnn_library *library;
        hf_error err = { 0 };
        if (hf_cudnn_open_described(&library, devices[i].json, &err) < 0) {
            printf("skipped %s: %s\n", devices[i].name, err.text);
            n_skipped += (int)(sizeof(rows) / sizeof(rows[0]) + sizeof(attention_rows) / sizeof(attention_rows[0]));
            continue;
        }
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
            check_row(library, devices[i].name, &rows[j], n_candidates);
        n_skipped += check_attentions(library, devices[i].name, devices[i].attends, n_candidates);
        hf_cudnn_close(&library);
    }
    printf("check_cudnn_plans: %d passed, %d failed, %d skipped\n", n_passed, n_failed, n_skipped);
    return n_failed != 0;
}
