"""Which worker gets which users: every crowd dealt out by itself, as the numbers of its users are."""

from locust.dispatch import UsersDispatcher


class DealtOut(UsersDispatcher):
    """Gives the n-th user of each crowd to worker n, then round and round.

    Locust's own deals out all crowds together, so that one worker may come to have all users of a crowd; and whoever
    each of them stands for follows from its number, which follows from its worker.
    """

    def _sort_workers(self) -> None:
        self._worker_nodes = sorted(self._worker_nodes, key=lambda worker: worker.id)

    def _add_users_on_workers(self) -> dict[str, dict[str, int]]:
        target = min(self._current_user_count + self._user_count_per_dispatch_iteration, self._target_user_count)
        while self._current_user_count < target:
            user = next(self._user_generator)
            if user is None:
                self._no_user_to_spawn = True
                break
            worker = self._worker_nodes[self._get_user_current_count(user) % len(self._worker_nodes)]
            self._users_on_workers[worker.id][user] += 1
            self._current_user_count += 1
            self._active_users.append((worker, user))
        return self._users_on_workers
