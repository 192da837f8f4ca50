/* interrupt.h - Ctrl-C: the first asks the run to end well, the second ends it at once. SIGTERM always asks. */
#ifndef HF_SRC_CLI_INTERRUPT_H
#define HF_SRC_CLI_INTERRUPT_H

/* Catch SIGINT and SIGTERM, and ignore SIGPIPE: a closed pipe is an error of write. */
void hf_interrupt_install(void);

/* 1 after the first signal. */
int hf_interrupted(void);

#endif
