/* bench.c - the list of measurements. */
#include "src/bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name, *arguments, *what;
    int (*run)(int argc, char **argv);
} benches[] = {
    { "match", "[--case NAME] [--repeat N] [--threads N] [A.ppm B.ppm]",
      "exact dense matching against OpenBLAS GEMM + argmax", hf_bench_match },
    { "net", "unet|vae|vit|model PATH [--device D] [--precision P] [--batch N] [--size WxH] [--repeat N] [--threads N] "
             "[--name ROW] [--aggregation FILE]",
      "networks with weights of yours", hf_bench_net },
    { "ops", "[--device D] [--precision P] [--batch N] [--only WORD] [--repeat N] [--threads N]",
      "attention, norms, convolutions, matching at their usual shapes", hf_bench_ops },
};
#define N_BENCHES (sizeof(benches) / sizeof(benches[0]))

double hf_bench_seconds(int n_threads)
{
    struct timespec now;
    clock_gettime(n_threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int hf_bench_main(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < N_BENCHES; i++)
        if (strcmp(argv[0], benches[i].name) == 0)
            return benches[i].run(argc, argv);
    for (size_t i = 0; i < N_BENCHES; i++)
        printf("bench %s %s\n    %s\n", benches[i].name, benches[i].arguments, benches[i].what);
    return argc > 0 ? 2 : 0;
}
