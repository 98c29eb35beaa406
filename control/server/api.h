/* SPDX-License-Identifier: Apache-2.0 */
/* The API's handlers: each answers its request, or sees to it that it will be answered. */
#ifndef KVICK_CONTROL_SERVER_API_H
#define KVICK_CONTROL_SERVER_API_H

#include <stdbool.h>

struct function;
struct request;

void api_health(struct request *request);
void api_metrics(struct request *request);

void api_list_functions(struct request *request);
void api_create_function(struct request *request);
void api_show_function(struct request *request);
void api_remove_function(struct request *request);

/* Its worker has said that it can run, or that it cannot, or nothing. */
void api_function_created(struct function *function);
void api_function_not_created(struct function *function, const char *reason, bool refused);

void api_invoke(struct request *request);
void api_show_invocation(struct request *request);
void api_cancel_invocation(struct request *request);
void api_show_result(struct request *request);
void api_show_log(struct request *request);

#endif
