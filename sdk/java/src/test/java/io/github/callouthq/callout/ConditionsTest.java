package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConditionsTest {
    private static final String[] CALLS = {"*", "p.q.S", "/p.q.S/M"};
    private static final String[] EVENTS = {"*", "user.*", "user.human.*", "user.added"};

    private static String found(Phase phase, String name, String... written) throws Exception {
        var conditions = new Conditions();
        for (String condition : written) {
            conditions.add(phase, condition, d -> Answer.reject(400, condition));
        }
        var handler = conditions.find(phase, name);
        return handler == null ? "none" : ((Answer.Rejection) handler.invoke(null)).message();
    }

    @ParameterizedTest
    @CsvSource({"/p.q.S/M,/p.q.S/M", "/p.q.S/N,p.q.S", "/p.q.T/M,*", "/p.q.S/m,p.q.S", "p.q.S,*", "/p.q/S/M,*", "/,*", "*,*"})
    void theMostExactCallRuns(String method, String want) throws Exception {
        assertEquals(want, found(Phase.REQUEST, method, CALLS));
        assertEquals(want, found(Phase.RESPONSE, method, CALLS));
    }

    @ParameterizedTest
    @CsvSource({
        "user.added,user.added", "user.human.added,user.human.*", "user.machine.added,user.*", "user,*", "usergrant.added,*", "user.human,user.*",
        "user.human.a.b,user.human.*", "user.*,user.*", ".user,*"})
    void theMostExactEventRuns(String type, String want) throws Exception {
        assertEquals(want, found(Phase.EVENT, type, EVENTS));
    }

    @ParameterizedTest
    @CsvSource({"create_id_token,function/create_id_token", "create,none", "*,none"})
    void aFunctionRunsByItsName(String name, String want) throws Exception {
        assertEquals(want, found(Phase.FUNCTION, name, "function/create_id_token"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/", "/p.S", "/p.S/", "//M", "/p.S/M/N", "p.S/M", "p..S", ".S", "p.*", "p S", "/p.S/*", "1.S"})
    void whatIsNoConditionOfACallIsRefused(String text) {
        for (Phase phase : new Phase[] {Phase.REQUEST, Phase.RESPONSE}) {
            assertThrows(IllegalArgumentException.class, () -> Condition.check(phase, text), text);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "user.", ".added", "user..added", "/user", "user.*.added", "*.added", "user added", ".*", "user*"})
    void whatIsNoConditionOfAnEventIsRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Condition.check(Phase.EVENT, text), text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "*", "function/", "function/*", "a/b", "a b", "function/function/a"})
    void whatIsNoFunctionIsRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Condition.check(Phase.FUNCTION, text), text);
    }

    @ParameterizedTest
    @CsvSource({"REQUEST,*", "RESPONSE,p.S", "EVENT,user.*", "FUNCTION,f"})
    void aConditionIsWrittenOnce(Phase phase, String text) {
        var conditions = new Conditions();
        conditions.add(phase, text, d -> null);
        assertThrows(IllegalArgumentException.class, () -> conditions.add(phase, text, d -> null));
        if (phase == Phase.FUNCTION) {
            assertThrows(IllegalArgumentException.class, () -> conditions.add(phase, "function/" + text, d -> null));
        }
    }
}
