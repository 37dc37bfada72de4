"""A burst of devices against one account's quotas, simulated: Gatehouse's turns beside the usual retries, on the same seeds.

What is exact: each device's knocks, each execution, each Lambda invocation, each call to AWS IoT with its tries, the turns (the code of
`workflows.admission.turns`) and the retries (read from the state machine). What is not: events are carried out in ticks of a tenth of a
second, in the order of their times (`bench.wheel`), and a bucket's refill within a tick counts from its beginning.
"""

import math
from collections import Counter, deque

import msgspec
import numpy as np
import numpy.typing as npt
import simpy

from bench.designs import CHECK, CLAIM, CLOSE, INSPECT, POLICY, STATES, Design, Retrier, Step, retrier, steps
from bench.executions import Executions
from bench.quotas import Bucket, Quotas
from bench.results import Knocking, Result
from bench.walk import Walk
from bench.wheel import TICK, Ids, Times, Wheel
from functions.shared.settings import limits
from tests.lanes import Lanes
from workflows.admission.turns import calendar

BOTOCORE_TRIES = 3  # functions/shared/aws.py
IOT_SECONDS, COLD_SECONDS, COLD_SHARE, HOP_SECONDS = 0.05, 0.8, 0.01, 0.03
STARTERS, PER_CALL, PER_START = 4, 0.02, 0.03
"""*start_admissions*: calls at once, seconds of a call with its one read, and of each StartExecution."""
BATCH, COMES_AGAIN = 10, 180.0  # template.yaml#RegistrationSource, #RegistrationQueue
MOST_TAKEN = math.ceil(STARTERS * TICK / (PER_CALL / BATCH)) + 1


class Burst:
    """One account in one Region, and its devices."""

    def __init__(
        self,
        walk: Walk,
        design: Design,
        devices: int,
        *,
        seed: int = 1,
        quotas: Quotas | None = None,
        knocking: Knocking | None = None,
        decided_after: float | None = None,
        calls_per_second: float | None = None,
    ) -> None:
        self.design, self.devices = design, devices
        self.quotas, self.knocking = quotas or Quotas(), knocking or Knocking()
        self.steps: tuple[Step, ...] = steps(walk)
        self.decided_after = decided_after
        self.random = np.random.default_rng(seed)
        self.environment = simpy.Environment()
        self.wheel = Wheel(self.environment)
        pacing = limits().pacing
        if calls_per_second is not None:
            pacing = msgspec.structs.replace(pacing, calls_per_second=calls_per_second)
        self.lanes = Lanes(calendar(pacing))
        q = self.quotas
        self.connects = Bucket(q.connects, q.connects)
        self.starts = Bucket(q.start_refill, q.start_bucket)
        self.moves = Bucket(q.transitions_refill, q.transitions_bucket)
        self.operations = sorted({call for step in self.steps for call in step.calls})
        self.iot = [Bucket(q.iot[name], q.iot[name] * q.iot_bucket_seconds) for name in self.operations]
        width = max(len(step.calls) for step in self.steps)
        self.plan = np.array(
            [
                [self.operations.index(call) for call in step.calls] + [-1] * (width - len(step.calls))
                for step in self.steps
            ]
        )
        self.length = np.array([len(step.calls) for step in self.steps])
        self.cost = np.array([step.transitions for step in self.steps])
        self.seconds = np.array([step.seconds for step in self.steps])
        self.invoked = np.array([step.invocations for step in self.steps])
        if not design.queued and design.drops_repeats:
            self.invoked[CLAIM], self.seconds[CLAIM] = 0, 0.02
        self.later: list[Retrier] = [retrier(state, "AwsUnavailable") for state in STATES]
        self.transient = retrier(STATES[INSPECT], "Lambda.TooManyRequestsException")
        self.knocks = np.zeros(devices, np.int64)
        self.joined = np.full(devices, np.inf)
        self.reopens_at = np.zeros(devices)
        self.attempts = np.zeros(devices, np.int64)
        self.named = np.full(devices, -1, np.int64)
        """The last name that was used of each: attempts and quarter of an hour in one number."""
        self.waiting: deque[tuple[Ids, Times]] = deque()
        self.draining = False
        self.oldest = 0.0
        self.runs = Executions()
        self.running = 0
        self.counted = dict.fromkeys(
            (
                "events",
                "started",
                "duplicates",
                "failed",
                "refused_starts",
                "queue_requests",
                "reads",
                "calls",
                "throttled",
                "transitions",
                "invocations",
            ),
            0,
        )
        self.billed = 0.0
        self.most_open = 0
        self.turn_writes, self.open_writes = Counter[int](), Counter[int]()
        self.calls_by_minute = np.zeros(64, np.int64)

    def run(self) -> Result:
        """Run until nothing happens any more."""
        everybody = np.arange(self.devices)
        self.wheel.at(self.random.uniform(0, self.knocking.within, self.devices), self.connect, everybody)
        self.environment.run()
        rate = min(self.quotas.iot["DescribeCertificate"], self.quotas.iot["UpdateCertificate"])
        in_ = np.isfinite(self.joined)
        return Result(
            design=self.design.name,
            devices=self.devices,
            admitted=int(in_.sum()),
            drained_at=float(self.joined[in_].max()),
            least=self.devices / rate,
            needed=self.devices * int(self.length.sum()),
            gigabyte_seconds=self.billed * 0.5,
            most_open=self.most_open,
            turn_writes=max(self.turn_writes.values(), default=0),
            open_writes=max(self.open_writes.values(), default=0),
            oldest=self.oldest,
            joined=np.sort(self.joined),
            calls_by_minute=np.trim_zeros(self.calls_by_minute, "b"),
            **self.counted,
        )

    # --- Devices and the rule ---------------------------------------------------------------------------------------

    def connect(self, devices: Ids, times: Times) -> None:
        """Devices connect. If they are not admitted, AWS IoT publishes the event, and they try again."""
        outside = self.joined[devices] > times
        devices, times = devices[outside], times[outside]
        if not len(devices):
            return
        again = self.knocks[devices]
        self.knocks[devices] += 1
        if self.knocking.every is not None:
            pause = np.full(len(devices), self.knocking.every)
        else:
            longest = np.minimum(self.knocking.longest, self.knocking.first * np.exp2(np.minimum(again, 30)))
            pause = self.random.uniform(0.0, longest) + 0.2  # the handshake
        self.wheel.at(times + pause, self.connect, devices)
        passed = self.connects.grant(len(devices), times[-1])
        self.counted["events"] += passed
        if not passed:
            return
        if passed < len(devices) and self.knocking.every is not None:  # without jitter, the same would always be first
            lucky = np.sort(self.random.choice(len(devices), passed, replace=False))
            devices, times = devices[lucky], times[lucky]
        devices, times = devices[:passed], times[:passed]
        if self.design.queued:
            self.counted["queue_requests"] += passed
            self.queue(devices, times)
        else:
            self.start(devices, times)

    def queue(self, devices: Ids, times: Times) -> None:
        """The events wait until a call of *start_admissions* takes them."""
        self.waiting.append((devices, times))
        if not self.draining:
            self.draining = True
            self.wheel.at(times[-1:], self.drain, np.zeros(1, np.int64))

    def drain(self, _: Ids, now: Times) -> None:
        """The concurrent calls in a tick: each takes up to ten events, and starts those that are due under an unused name."""
        parts: list[tuple[Ids, Times]] = []
        while self.waiting and sum(len(part) for part, _ in parts) < MOST_TAKEN:
            parts.append(self.waiting.popleft())
        devices = np.concatenate([part for part, _ in parts])
        times = np.concatenate([part for _, part in parts])
        at = float(max(now[0], times[0]))
        name = self.attempts[devices] * 1_000_000 + int(at // 900)
        due = (self.reopens_at[devices] <= at) & (self.named[devices] != name)
        first = np.zeros(len(devices), bool)
        first[np.unique(devices, return_index=True)[1]] = True
        due &= first
        cost = PER_CALL / BATCH + PER_START * due
        taken = max(1, int(np.searchsorted(np.cumsum(cost), STARTERS * TICK, side="right")))
        calls = min(taken, max(STARTERS, math.ceil(taken / BATCH)))
        self.oldest = max(self.oldest, at - float(times[0]))
        self.counted["queue_requests"] += 2 * calls
        self.counted["reads"] += int(first[:taken].sum())
        self.counted["invocations"] += calls
        starting = devices[:taken][due[:taken]]
        self.billed += calls * PER_CALL + len(starting) * PER_START
        if taken < len(devices):
            self.waiting.appendleft((devices[taken:], times[taken:]))
        self.draining = bool(self.waiting)
        if self.draining:
            self.wheel.at(np.array([at + TICK]), self.drain, np.zeros(1, np.int64))
        if len(starting):
            when = np.full(len(starting), at)
            allowed = self.start(starting, when)
            self.named[starting[:allowed]] = name[:taken][due[:taken]][:allowed]
            if allowed < len(starting):
                self.wheel.at(when[allowed:] + COMES_AGAIN, self.queue, starting[allowed:])

    def start(self, devices: Ids, times: Times) -> int:
        """StartExecution for each, as far as the quota allows. Returns how many."""
        allowed = min(self.starts.grant(len(devices), times[-1]), self.quotas.open_executions - self.runs.open)
        self.counted["refused_starts"] += len(devices) - allowed
        self.counted["started"] += allowed
        if allowed:
            first = CLAIM if self.design.drops_repeats else INSPECT
            runs = self.runs.start(devices[:allowed], first)
            self.most_open = max(self.most_open, self.runs.open)
            self.wheel.at(times[:allowed] + HOP_SECONDS, self.invoke, runs)
        return int(allowed)

    # --- Executions -------------------------------------------------------------------------------------------------

    def invoke(self, runs: Ids, times: Times) -> None:
        """A Task state calls its Lambda, if Step Functions' and Lambda's quotas let it."""
        step = self.runs.step[runs]
        cost = np.where(self.runs.again[runs], 1, self.cost[step])
        total = int(cost.sum())
        given = self.moves.grant(total, times[-1])
        if given < total:
            through = int(np.searchsorted(np.cumsum(cost), given, side="right"))
            self.moves.level += given - int(cost[:through].sum())
            self.wheel.at(times[through:] + 1.0, self.invoke, runs[through:])
            runs, times, step, cost = runs[:through], times[:through], step[:through], cost[:through]
        self.counted["transitions"] += int(cost.sum())
        free = self.quotas.lambda_concurrency - self.running
        if len(runs) > free:
            self.retry(runs[free:], times[free:], self.runs.crowded, [self.transient] * len(STATES))
            runs, times, step = runs[:free], times[:free], step[:free]
        if not len(runs):
            return
        self.running += len(runs)
        self.counted["invocations"] += int(self.invoked[step].sum())
        self.runs.began[runs] = times
        self.runs.call[runs] = self.runs.tries[runs] = 0
        self.runs.error[runs] = False
        work = self.seconds[step] * self.spread(len(runs)) + COLD_SECONDS * (self.random.random(len(runs)) < COLD_SHARE)
        times = times + work
        if self.design.paced:
            times = self.keep_turns(runs, times)
        works = self.length[step] > 0
        works &= ~self.runs.error[runs]
        self.wheel.at(times[works], self.call, runs[works])
        self.wheel.at(times[~works], self.finish, runs[~works])

    def keep_turns(self, runs: Ids, times: Times) -> Times:
        """Executions with a turn use it and sleep until it comes; those that lost it take another."""
        for place in np.flatnonzero(self.runs.turn[runs] >= 0):
            run = runs[place]
            slot, self.runs.turn[run] = int(self.runs.turn[run]), -1  # used or lost: a turn is used once
            before = self.lanes.writes
            held = self.lanes.use("admission", slot, int(times[place] * 1e6))
            self.turn_writes[int(times[place])] += self.lanes.writes - before
            if held:
                times[place] = max(times[place], slot / 1e6)
            else:
                self.runs.error[run] = self.runs.lost[run] = True
        return times

    def call(self, runs: Ids, times: Times) -> None:
        """Calls to AWS IoT, each against its own bucket; botocore tries a throttled one again before the function gives up."""
        operation = self.plan[self.runs.step[runs], self.runs.call[runs]]
        passed = np.zeros(len(runs), bool)
        for number in np.unique(operation) if len(runs) > 1 else operation:
            places = np.flatnonzero(operation == number)
            passed[places[: self.iot[number].grant(len(places), times[-1])]] = True
        self.count_calls(len(runs), len(runs) - int(passed.sum()), times[-1])

        done, at = runs[passed], times[passed] + IOT_SECONDS * self.spread(int(passed.sum()))
        self.runs.call[done] += 1
        self.runs.tries[done] = 0
        over = self.runs.call[done] == self.length[self.runs.step[done]]
        self.wheel.at(at[over], self.finish, done[over])
        self.wheel.at(at[~over], self.call, done[~over])

        refused, at = runs[~passed], times[~passed] + IOT_SECONDS
        self.runs.tries[refused] += 1
        tries = self.runs.tries[refused]
        given_up = tries >= BOTOCORE_TRIES
        self.runs.error[refused[given_up]] = True
        self.wheel.at(at[given_up], self.finish, refused[given_up])
        pause = self.random.random(len(refused)) * np.exp2(tries - 1)  # botocore's standard mode
        self.wheel.at((at + pause)[~given_up], self.call, refused[~given_up])

    def finish(self, runs: Ids, times: Times) -> None:
        """The Lambda returns."""
        self.running -= len(runs)
        self.billed += float(((times - self.runs.began[runs]) * (self.invoked[self.runs.step[runs]] > 0)).sum())
        failed = self.runs.error[runs]
        if failed.any():
            lost = failed & self.runs.lost[runs]
            self.runs.lost[runs[lost]] = False
            self.runs.go(runs[lost], CLAIM)
            self.wheel.at(times[lost] + HOP_SECONDS, self.invoke, runs[lost])
            self.retry(runs[failed & ~lost], times[failed & ~lost], self.runs.attempts, self.later)
            runs, times = runs[~failed], times[~failed]
        step = self.runs.step[runs]
        for number in np.unique(step) if len(runs) > 1 else step:
            mine = step == number
            self.after(int(number), runs[mine], times[mine])

    def after(self, step: int, runs: Ids, times: Times) -> None:
        """What follows a successful step."""
        if step == CLAIM:
            self.claim(runs, times)
            return
        if step == CLOSE:
            self.open_writes.update(times.astype(int).tolist())
            self.runs.end(runs)
            return
        devices = self.runs.device[runs]
        if step == POLICY:
            self.joined[devices] = np.minimum(self.joined[devices], times)
        elif step == INSPECT and not self.design.drops_repeats:
            done = self.joined[devices] <= times  # it reads ACTIVE
            self.runs.end(runs[done])
            runs, times = runs[~done], times[~done]
        elif step == CHECK and self.decided_after is not None:
            times = times + self.decided_after
        self.runs.go(runs, step + 1)
        self.wheel.at(times + HOP_SECONDS, self.invoke, runs)

    def claim(self, runs: Ids, times: Times) -> None:
        """One execution for each device gets a turn, and Step Functions waits until that second."""
        for run, time in zip(runs.tolist(), times.tolist(), strict=True):
            device = self.runs.device[run]
            if not self.runs.owns[run] and self.reopens_at[device] > time:
                self.counted["duplicates"] += 1
                self.runs.end(np.array([run]))
                continue
            if not self.runs.owns[run]:
                self.runs.owns[run] = True
                self.reopens_at[device] = np.inf
                self.attempts[device] += 1
                self.open_writes[int(time)] += 1
            start = time + HOP_SECONDS
            if self.design.paced:
                before = self.lanes.writes
                slot = self.lanes.take("admission", int(time * 1e6))
                self.turn_writes[int(time)] += self.lanes.writes - before
                self.runs.turn[run] = slot
                start = max(start, float(slot // 1_000_000))
            one = np.array([run])
            self.runs.go(one, INSPECT)
            self.wheel.at(np.array([start]), self.invoke, one)

    def retry(
        self, runs: Ids, times: Times, attempts: npt.NDArray[np.int8] | npt.NDArray[np.int16], policies: list[Retrier]
    ) -> None:
        """The state's Retry: full jitter up to a growing, capped delay; then the execution fails, and may start again later."""
        if not len(runs):
            return
        attempts[runs] += 1
        policy = policies[int(self.runs.step[runs[0]])]
        tried = attempts[runs].astype(float)
        over = tried > policy.attempts
        delay = np.minimum(
            policy.cap, policy.interval * policy.rate ** np.minimum(tried - 1, 60.0)
        ) * self.random.random(len(runs))
        self.runs.again[runs] = True
        self.wheel.at((times + delay)[~over], self.invoke, runs[~over])
        lost = runs[over]
        if len(lost):
            self.counted["failed"] += len(lost)
            cooling = limits().reopen.failed_minutes * 60.0
            mine = lost[self.runs.owns[lost]]
            self.reopens_at[self.runs.device[mine]] = times[over][self.runs.owns[lost]] + cooling
            self.runs.end(lost)

    def spread(self, count: int) -> Times:
        return np.exp(0.4 * self.random.standard_normal(count))

    def count_calls(self, made: int, throttled: int, at: float) -> None:
        self.counted["calls"] += made
        self.counted["throttled"] += throttled
        minute = int(at // 60)
        if minute >= len(self.calls_by_minute):
            self.calls_by_minute = np.concatenate([self.calls_by_minute, np.zeros(minute, np.int64)])
        self.calls_by_minute[minute] += made
