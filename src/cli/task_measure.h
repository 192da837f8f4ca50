/* task_measure.h - how much work and memory a run will take. */
#ifndef HF_SRC_CLI_TASK_MEASURE_H
#define HF_SRC_CLI_TASK_MEASURE_H

#include "src/cli/task.h"

/* Fill in n_frames, width, height, n_ids, cost and, with a meter, bytes. `run`: its options, paths complete.
 * What cannot be found out stays as it is. meter: NULL, or one for many tasks, all zero to begin with. */
void hf_task_measure(hf_task *task, const hf_options *run, hf_task_meter *meter);

#endif
