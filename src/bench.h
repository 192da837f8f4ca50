/* bench.h - `hfprop bench`: measurements that belong to the program.
 *
 * Unlike the rest of the library these functions print, to stdout; they
 * are called by main.c and by tests/bench/hfbench.c only.
 */
#ifndef HF_SRC_BENCH_H
#define HF_SRC_BENCH_H

/* argv[0] is the measurement's name ("match"), the rest its own arguments. Returns the exit code:
 * 0, 1 when something failed or came out wrong, 2 when the arguments are not understood. */
int hf_bench_main(int argc, char **argv);

/* match: exact dense matching against GEMM + argmax; see bench_match.c for its arguments. */
int hf_bench_match(int argc, char **argv);

/* net: U-Net, VAE, vision transformer, or a whole model; see bench_net.c. ops: single operations; see bench_ops.c. */
int hf_bench_net(int argc, char **argv);
int hf_bench_ops(int argc, char **argv);

/* Seconds of a clock that only runs forward. For one thread it is the processor time of the process,
 * which other work on the machine disturbs less. */
double hf_bench_seconds(int n_threads);

#endif
