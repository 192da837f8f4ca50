/* hfbench.c - `hfprop bench` without the rest of the program, for builds without FFmpeg. */
#include "src/bench.h"

int main(int argc, char **argv)
{
    return hf_bench_main(argc - 1, argv + 1);
}
