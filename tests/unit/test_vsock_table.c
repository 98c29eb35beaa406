/* SPDX-License-Identifier: Apache-2.0 */
/* Places of a socket device's connections: names, lists, and which place is taken next. */
#include "tests/unit/test_unit.h"

#include "virtio/vsock_table.h"

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct vsock_table));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct vsock_connection *take(struct vsock_table *table)
{
	struct vsock_connection *c = vsock_table_free(table);

	if (c) {
		vsock_table_take(table, c);
		c->state = VSOCK_OPEN;
	}
	return c;
}

/* So many that there are several of most hashes. Ports as drivers choose them: one after another, or one for all. */
static void all_are_found_by_their_ports_and_nothing_else_is(void **state)
{
	struct vsock_table *table = *state;
	struct vsock_connection *c;

	for (unsigned i = 0; i < VSOCK_CONNECTIONS; i++)
		vsock_table_name(table, take(table), i % 2 ? 5000 : 0x40000000 + i, i % 3 ? 1024 + i : 80);
	for (unsigned gone = 1; gone <= 3; gone++) {
		for (unsigned i = 0; i < VSOCK_CONNECTIONS; i++) {
			bool duplicate = i % 2 && i % 3 == 0; /* all of these have the same name */

			c = vsock_table_find(table, i % 2 ? 5000 : 0x40000000 + i, i % 3 ? 1024 + i : 80);
			if (!duplicate)
				assert_ptr_equal(c, table->places[i].state == VSOCK_FREE ? NULL : &table->places[i]);
		}
		assert_null(vsock_table_find(table, 5000, 7));
		assert_null(vsock_table_find(table, 0, 0));
		for (unsigned i = gone; i < VSOCK_CONNECTIONS; i += 3)
			if (table->places[i].state != VSOCK_FREE)
				vsock_table_give_back(table, &table->places[i]);
	}
}

static void there_is_a_place_for_each_until_all_are_taken(void **state)
{
	struct vsock_table *table = *state;

	for (unsigned i = 0; i < VSOCK_CONNECTIONS; i++)
		assert_ptr_equal(take(table), &table->places[i]);
	assert_null(take(table));
	vsock_table_give_back(table, &table->places[700]);
	assert_ptr_equal(take(table), &table->places[700]);
	assert_null(take(table));
}

/* They have been touched, and those with more credit are worth more. */
static void places_that_were_used_are_taken_first_and_those_with_more_credit_before_all(void **state)
{
	struct vsock_table *table = *state;

	for (unsigned i = 0; i < VSOCK_FEW + 20; i++)
		take(table);
	vsock_table_give_back(table, &table->places[VSOCK_FEW + 3]);
	vsock_table_give_back(table, &table->places[5]);
	assert_ptr_equal(take(table), &table->places[5]);
	assert_ptr_equal(take(table), &table->places[VSOCK_FEW + 3]);
	assert_ptr_equal(take(table), &table->places[VSOCK_FEW + 20]);
}

static void a_place_that_is_looked_at_stays_free(void **state)
{
	struct vsock_table *table = *state;

	assert_ptr_equal(vsock_table_free(table), &table->places[0]);
	assert_ptr_equal(vsock_table_free(table), &table->places[0]);
	assert_int_equal(table->top, 0);
}

static void lists_are_left_in_the_order_in_which_they_were_entered(void **state)
{
	struct vsock_list first = { 0 }, second = { 0 };
	struct vsock_table *table = *state;
	struct vsock_connection *c[5];

	for (unsigned i = 0; i < COUNT_OF(c); i++) {
		c[i] = take(table);
		vsock_list_move(c[i], &first);
	}
	vsock_list_move(c[2], &second);  /* from the middle */
	vsock_list_move(c[0], &first);   /* its turn is over */
	vsock_list_move(c[4], NULL);
	assert_int_equal(first.count, 3);
	assert_int_equal(second.count, 1);
	assert_ptr_equal(second.first, c[2]);
	assert_ptr_equal(second.last, c[2]);
	assert_ptr_equal(first.first, c[1]);
	assert_ptr_equal(c[1]->next, c[3]);
	assert_ptr_equal(c[3]->next, c[0]);
	assert_ptr_equal(first.last, c[0]);
	assert_null(c[4]->in);
	for (unsigned i = 0; i < 4; i++)
		vsock_table_give_back(table, c[i]);
	assert_null(first.first);
	assert_null(first.last);
	assert_null(second.first);
	assert_int_equal(first.count + second.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_are_found_by_their_ports_and_nothing_else_is),
		TEST(there_is_a_place_for_each_until_all_are_taken),
		TEST(places_that_were_used_are_taken_first_and_those_with_more_credit_before_all),
		TEST(a_place_that_is_looked_at_stays_free),
		TEST(lists_are_left_in_the_order_in_which_they_were_entered),
	};

	return cmocka_run_group_tests_name("places of connections", tests, NULL, NULL);
}
