/* doctor.c - see doctor.h. */
#include "src/cli/doctor.h"

#include <cblas.h>
#include <dnnl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <png.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/hw_decode.h"
#include "src/backend.h"
#include "src/hfprop.h"
#include "src/model.h"

#define MB 1e6

static void line(FILE *out, int is_ok, const char *what, const char *detail)
{
    fprintf(out, "%-8s %-22s %s\n", is_ok ? "ok" : "missing", what, detail);
}

/* First line of a small file, "" if there is none. */
static void read_line(char *text, size_t size, const char *path)
{
    FILE *file = fopen(path, "r");
    text[0] = 0;
    if (!file)
        return;
    if (!fgets(text, (int)size, file))
        text[0] = 0;
    text[strcspn(text, "\n")] = 0;
    fclose(file);
}

static void tell_processor(FILE *out)
{
    char text[512] = "", name[256] = "";
    cpu_set_t set;
    struct utsname system;
    FILE *file = fopen("/proc/cpuinfo", "r");

    while (file && fgets(text, sizeof(text), file))
        if (sscanf(text, "model name : %255[^\n]", name) == 1)
            break;
    if (file)
        fclose(file);
    if (uname(&system) == 0)
        snprintf(text, sizeof(text), "%s %s, %s", system.sysname, system.machine, *name ? name : "processor unknown");
    line(out, 1, "machine", text);
    int usable = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    snprintf(text, sizeof(text), "%d usable of %ld", usable, sysconf(_SC_NPROCESSORS_ONLN));
    line(out, 1, "processors", text);
#if defined(__x86_64__)
    __builtin_cpu_init();
    int has_512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    int has_2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    line(out, has_2, "vector instructions",
         has_512 ? "AVX-512 and AVX2" : has_2 ? "AVX2" : "no AVX2: everything works, some 4 times slower");
#endif
}

/* A container's limit counts, not the machine's memory. */
static void tell_memory(FILE *out)
{
    char text[128], limit[64];
    double total = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    read_line(limit, sizeof(limit), "/sys/fs/cgroup/memory.max");
    double container = atof(limit);
    if (container > 0 && container < total)
        total = container;
    snprintf(text, sizeof(text), "%.0f MB%s; a 480p video takes under 400 MB", total / MB,
             total < 1000 * MB ? ": little" : "");
    line(out, total >= 400 * MB, "memory", text);
}

static void tell_libraries(FILE *out)
{
    char text[512];
    const dnnl_version_t *dnnl = dnnl_version();
    snprintf(text, sizeof(text), "%d.%d.%d", dnnl->major, dnnl->minor, dnnl->patch);
    line(out, 1, "oneDNN", text);
    line(out, 1, "BLAS", openblas_get_config());
    line(out, 1, "libpng", png_get_libpng_ver(NULL));
    unsigned v = avformat_version();
    snprintf(text, sizeof(text), "%s (libavformat %u.%u.%u)", av_version_info(), v >> 16, v >> 8 & 255, v & 255);
    line(out, 1, "FFmpeg", text);
}

/* Returns 0 if the default output cannot be written. */
static int tell_encoders(FILE *out)
{
    static const struct {
        const char *name, *use;
        int         is_needed;
    } encoders[] = {
        { "libx264", "H.264 in .mp4 .mov .mkv", 1 },
        { "prores_ks", "alpha in .mov (ProRes 4444)", 0 },
        { "libvpx-vp9", "alpha in .webm (VP9)", 0 },
        { "ffv1", "alpha in .mkv, lossless (FFV1)", 0 },
        { "png", "PNG folders", 0 },
    };
    int good = 1;
    for (size_t i = 0; i < sizeof(encoders) / sizeof(encoders[0]); i++) {
        char what[64], detail[160];
        int found = avcodec_find_encoder_by_name(encoders[i].name) != NULL;
        snprintf(what, sizeof(what), "encoder %s", encoders[i].name);
        snprintf(detail, sizeof(detail), "%s%s", encoders[i].use,
                 found ? "" : ": install an FFmpeg that has it (Debian's libavcodec-extra59)");
        line(out, found, what, detail);
        good &= found || !encoders[i].is_needed;
    }
    line(out, avcodec_find_decoder_by_name("libvpx-vp9") != NULL, "decoder libvpx-vp9", "alpha of .webm inputs");
    return good;
}

/* Opening it is the only way to know. */
static void tell_cuda(FILE *out)
{
    hf_backend *be = NULL;
    hf_device_memory memory = { 0 };
    hf_error err = { 0 };
    char text[sizeof(err.text) + 64];

    if (hf_backend_open(&be, "cuda", 1, &err) < 0) {
        snprintf(text, sizeof(text), "%s", err.text);
    } else {
        be->ops.memory(be, &memory, NULL);
        snprintf(text, sizeof(text), "%s; %.0f MB free", be->about, (double)memory.free / MB);
    }
    line(out, be != NULL, "backend cuda", text);
    hf_backend_close(&be);
}

static void tell_nvdec(FILE *out)
{
    char text[512];
    int is_there = hf_hw_probe(text, sizeof(text), "cuda");
    line(out, is_there, "NVDEC (--hwdec)", text);
}

int hf_doctor_main(FILE *out)
{
    char text[64];
    int good;

    line(out, 1, "hfprop", hf_version());
    tell_processor(out);
    tell_memory(out);
    for (const char *const *name = hf_backend_names(); *name; name++) {
        if (strcmp(*name, "cuda") == 0)
            continue; /* further down: it may not be there */
        snprintf(text, sizeof(text), "backend %s", *name);
        line(out, 1, text, strcmp(*name, "ref") == 0 ? "plain C, the definition; slow" : "vector code, oneDNN and BLAS");
    }
    for (const hf_model_info *model = hf_model_list(); model->name; model++) {
        snprintf(text, sizeof(text), "model %s", model->name);
        line(out, 1, text, model->what);
    }
    tell_libraries(out);
    good = tell_encoders(out);
    tell_cuda(out);
    tell_nvdec(out);
    fprintf(out, good ? "hfprop can do its main job here\n" : "hfprop cannot write its usual output here\n");
    return good ? 0 : 1;
}
