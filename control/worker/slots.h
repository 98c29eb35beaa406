/* SPDX-License-Identifier: Apache-2.0 */
/* All slots of a worker, and what the main thread does for them until kvickd goes. */
#ifndef KVICK_CONTROL_WORKER_SLOTS_H
#define KVICK_CONTROL_WORKER_SLOTS_H

struct error;
struct function;

/* Serves. 0: kvickd has gone; -errno with `error` set: it said what it may not, or the host cannot go on. */
int slots_serve(const struct function *function, struct error *error);

#endif
