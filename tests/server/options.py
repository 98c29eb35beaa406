# SPDX-License-Identifier: Apache-2.0


def kvickd_options(*options, **more):
    """The command line of a test's kvickd."""
    def mark(test):
        test.options = (options, more)
        return test
    return mark
