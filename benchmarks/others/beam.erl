%% The BEAM doing what benchmarks/ours does: `erl -noshell -pa DIR -s beam main 'call' 100000`. Prints one line of JSON.
%% What OTP itself has not (DynamicSupervisor, Registry, Task, Agent) is Elixir's, whose modules must be on the path.
-module(beam).
-behaviour(gen_server).
-export([main/1, start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2, nothing/0, one/0, add/1]).

-define(RING, 100).
-define(CLIENTS, 100).
-define(SUBSCRIBERS, 1000).
-define(BUSY, 20).

main([Case, Size]) ->
    logger:set_primary_config(level, none),
    Count = list_to_integer(atom_to_list(Size)),
    Me = self(),
    %% In a fresh process: the script's own heap does not matter.
    {_, Ref} = spawn_monitor(fun() -> Me ! {figures, measure(Case, Count)} end),
    Figures = receive
        {figures, Found} -> Found;
        {'DOWN', Ref, process, _, Reason} -> io:format(standard_error, "~p~n", [Reason]), halt(1)
    end,
    Words = [io_lib:format("\"~s\": ~p", [Name, float(Value)]) || {Name, Value} <- Figures],
    io:format("{~s}~n", [lists:join(", ", Words)]),
    halt(0).

%% The servers

start_link(To) -> gen_server:start_link(?MODULE, {announce, To}, []).

init({announce, To}) -> To ! up, {ok, 0};
init(State) -> {ok, State}.

handle_call({next, Pid}, _From, _State) -> {reply, ok, Pid};
handle_call(Number, _From, Count) -> {reply, Count, Count + Number}.

handle_cast({hop, 0, To}, Next) -> To ! done, {noreply, Next};
handle_cast({hop, Left, To}, Next) -> gen_server:cast(Next, {hop, Left - 1, To}), {noreply, Next};
handle_cast(Number, Count) -> {noreply, Count + Number}.

handle_info(_, State) -> {noreply, State}.

counter() -> {ok, Pid} = gen_server:start(?MODULE, 0, []), Pid.

%% Messages

measure(call, Count) -> calls(counter(), Count);
measure('call async', Count) -> calls(counter(), Count);
measure('call task', Count) -> calls(counter(), Count);
measure('call name', Count) ->
    {ok, _} = gen_server:start({local, counter}, ?MODULE, 0, []),
    calls(counter, Count);
measure('call registry', Count) ->
    {ok, _} = 'Elixir.Registry':start_link([{keys, unique}, {name, 'Elixir.Counters'}]),
    Address = {via, 'Elixir.Registry', {'Elixir.Counters', 7}},
    {ok, _} = gen_server:start(Address, ?MODULE, 0, []),
    calls(Address, Count);
measure(cast, Count) ->
    Pid = counter(),
    rate(Count, fun() ->
        times(Count, fun() -> gen_server:cast(Pid, 1) end),
        Count = gen_server:call(Pid, 0, infinity)
    end);
measure(send, Count) ->
    Me = self(),
    rate(Count, fun() ->
        Pid = spawn(fun() -> hear(Count), Me ! done end),
        times(Count, fun() -> Pid ! message end),
        hear(1)
    end);
measure(clients, Count) ->
    Pid = counter(),
    Me = self(),
    rate(Count, fun() ->
        [spawn(fun() -> times(Count div ?CLIENTS, fun() -> gen_server:call(Pid, 1) end), Me ! done end)
         || _ <- lists:seq(1, ?CLIENTS)],
        hear(?CLIENTS)
    end);
measure(ring, Count) ->
    [First | Others] = Pids = [counter() || _ <- lists:seq(1, ?RING)],
    [ok = gen_server:call(Pid, {next, Next}) || {Pid, Next} <- lists:zip(Pids, Others ++ [First])],
    rate(Count, fun() -> gen_server:cast(First, {hop, Count, self()}), hear(1) end);
measure('ring of processes', Count) ->
    First = lists:foldl(fun(_, Next) -> spawn(fun() -> hand_on(Next) end) end, self(), lists:seq(2, ?RING)),
    rate(Count, fun() -> times(Count div ?RING, fun() -> First ! token, hear(1) end) end);

%% Starts

measure(spawn, Count) ->
    rate(Count, fun() ->
        times(Count, fun() ->
            {_, Ref} = spawn_monitor(?MODULE, nothing, []),
            receive {'DOWN', Ref, _, _, _} -> ok end
        end)
    end);
measure(start_link, Count) ->
    rate(Count, fun() -> times(Count, fun() -> gen_server:start_link(?MODULE, 0, []) end) end);
measure('memory idle', Count) -> memory(Count, fun(_) -> counter() end);
measure('memory named', Count) -> memory(Count, fun(Number) -> named(start, Number) end);
measure('memory linked', Count) -> memory(Count, fun(_) -> gen_server:start_link(?MODULE, 0, []) end);
measure('memory monitored', Count) -> memory(Count, fun(_) -> monitor(process, counter()) end);
measure('memory all', Count) ->
    memory(Count, fun(Number) -> {ok, Pid} = named(start_link, Number), monitor(process, Pid) end);

%% Timers

measure(timers, Count) ->
    rate(Count, fun() ->
        Timers = [erlang:send_after(60000 + Number rem 1000, self(), never) || Number <- lists:seq(1, Count)],
        [erlang:cancel_timer(Timer) || Timer <- Timers]
    end);
measure('timers one delay', Count) ->
    rate(Count, fun() ->
        Timers = [erlang:send_after(60000, self(), never) || _ <- lists:seq(1, Count)],
        [erlang:cancel_timer(Timer) || Timer <- Timers]
    end);
measure(lateness, Count) ->
    Begin = erlang:monotonic_time(microsecond),
    [begin
        Wait = 300 + (Number * 7919 rem Count) * 1000 div Count,
        erlang:send_after(Begin div 1000 + Wait, self(), {due, Begin div 1000 * 1000 + Wait * 1000}, [{abs, true}])
     end || Number <- lists:seq(1, Count)],
    quantiles([receive {due, At} -> erlang:monotonic_time(microsecond) - At end || _ <- lists:seq(1, Count)]);

%% Keepers

measure('restarts 100', Count) -> restarts(Count);
measure('restarts 1000', Count) -> restarts(Count);
measure('restarts 10000', Count) -> restarts(Count);
measure(start_child, Count) ->
    {ok, Keeper} = 'Elixir.DynamicSupervisor':start_link([{strategy, one_for_one}]),
    Spec = #{id => child, start => {?MODULE, start_link, [self()]}},
    rate(Count, fun() ->
        times(Count, fun() -> {ok, _} = 'Elixir.DynamicSupervisor':start_child(Keeper, Spec), hear(1) end)
    end);
measure(task, Count) ->
    rate(Count, fun() -> times(Count, fun() -> 'Elixir.Task':await('Elixir.Task':async(fun one/0)) end) end);
measure(agent, Count) ->
    {ok, Agent} = 'Elixir.Agent':start_link(fun nothing/0),
    'Elixir.Agent':update(Agent, fun(_) -> 0 end),
    rate(Count, fun() -> times(Count, fun() -> 'Elixir.Agent':update(Agent, fun add/1) end) end);
measure(dispatch, Count) ->
    Me = self(),
    {ok, _} = 'Elixir.Registry':start_link([{keys, duplicate}, {name, 'Elixir.Topics'}]),
    [spawn(fun() ->
        {ok, _} = 'Elixir.Registry':register('Elixir.Topics', news, nil),
        Me ! registered,
        hear(Count),
        Me ! done
     end) || _ <- lists:seq(1, ?SUBSCRIBERS)],
    hear(?SUBSCRIBERS),
    Tell = fun(Entries) -> [Pid ! news || {Pid, _} <- Entries] end,
    rate(Count * ?SUBSCRIBERS, fun() ->
        times(Count, fun() -> 'Elixir.Registry':dispatch('Elixir.Topics', news, Tell) end),
        hear(?SUBSCRIBERS)
    end);

%% Latency

measure(tail, Count) ->
    Pid = counter(),
    [spawn(fun() -> for_ever(fun() -> gen_server:call(Pid, 1, infinity) end) end) || _ <- lists:seq(1, ?BUSY)],
    Echo = spawn(fun echoes/0),
    Waits = [begin timer:sleep(1), took(fun() -> gen_server:call(Pid, 0) end) end || _ <- lists:seq(1, Count)],
    Echo ! {how, self()},
    Echoes = receive {waits, Found} -> Found end,
    quantiles(Waits) ++ [{"socket " ++ Name, Value} || {Name, Value} <- quantiles(Echoes)].

%% What these need

calls(Server, Count) ->
    times(1000, fun() -> gen_server:call(Server, 1) end),
    rate(Count, fun() -> times(Count, fun() -> gen_server:call(Server, 1) end) end).

rate(Count, Work) -> [{rate, Count * 1.0e6 / took(Work)}].

took(Work) ->
    Begin = erlang:monotonic_time(nanosecond),
    Work(),
    (erlang:monotonic_time(nanosecond) - Begin) / 1000.

times(0, _) -> ok;
times(Count, Work) -> Work(), times(Count - 1, Work).

for_ever(Work) -> Work(), for_ever(Work).

hear(0) -> ok;
hear(Count) -> receive _ -> hear(Count - 1) end.

hand_on(Next) -> receive Message -> Next ! Message end, hand_on(Next).

nothing() -> ok.
one() -> 1.
add(Number) -> Number + 1.

named(Start, Number) ->
    gen_server:Start({local, list_to_atom("counter " ++ integer_to_list(Number))}, ?MODULE, 0, []).

memory(Count, Make) ->
    garbage_collect(),
    Before = erlang:memory(total),
    Took = took(fun() -> [Make(Number) || Number <- lists:seq(1, Count)] end),
    garbage_collect(),
    [{rate, Count * 1.0e6 / Took}, {bytes, (erlang:memory(total) - Before) / Count}].

restarts(Count) ->
    Options = [{strategy, one_for_one}, {max_restarts, 100000000}, {max_seconds, 1}],
    {ok, Keeper} = 'Elixir.DynamicSupervisor':start_link(Options),
    Spec = #{id => child, start => {?MODULE, start_link, [self()]}},
    [{ok, _} = 'Elixir.DynamicSupervisor':start_child(Keeper, Spec) || _ <- lists:seq(1, Count)],
    hear(Count),
    Rounds = max(1, 2000 div Count),
    Took = lists:sum([restart_all(Keeper, Count) || _ <- lists:seq(1, Rounds)]),
    [{rate, Rounds * Count * 1.0e6 / Took}].

restart_all(Keeper, Count) ->
    Pids = [Pid || {_, Pid, _, _} <- 'Elixir.DynamicSupervisor':which_children(Keeper)],
    took(fun() -> [exit(Pid, kill) || Pid <- Pids], hear(Count) end).

quantiles(Microseconds) ->
    Sorted = lists:sort(Microseconds),
    At = fun(Index) -> lists:nth(min(length(Sorted), Index + 1), Sorted) / 1000 end,
    Length = length(Sorted),
    [{"p50", At(Length div 2)}, {"p99", At(Length * 99 div 100)}, {"max", At(Length - 1)}].

echoes() ->
    Options = [binary, {active, false}, {nodelay, true}, {ip, {127, 0, 0, 1}}],
    {ok, Listening} = gen_tcp:listen(0, Options),
    {ok, Port} = inet:port(Listening),
    spawn_link(fun() ->
        {ok, Socket} = gen_tcp:accept(Listening),
        for_ever(fun() -> {ok, Byte} = gen_tcp:recv(Socket, 1), ok = gen_tcp:send(Socket, Byte) end)
    end),
    {ok, Client} = gen_tcp:connect({127, 0, 0, 1}, Port, Options),
    echo(Client, []).

echo(Client, Waits) ->
    Wait = took(fun() -> ok = gen_tcp:send(Client, <<"x">>), {ok, _} = gen_tcp:recv(Client, 1) end),
    receive
        {how, To} -> To ! {waits, [Wait | Waits]}
    after 0 -> echo(Client, [Wait | Waits])
    end.
