package io.github.callouthq.callout.servlet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.callouthq.callout.Answer;
import io.github.callouthq.callout.Callout;
import io.github.callouthq.callout.testing.TestDelivery;
import jakarta.servlet.Filter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServletTest {
    @TempDir
    Path folder;

    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
    private final Tomcat tomcat = new Tomcat();
    private final Callout hooks = Callout.builder().key(TestDelivery.KEY).log((level, message, cause) -> lines.add(message)).build()
            .request("/p.S/Echo", call -> Answer.change("seen", call.request()))
            .request("/p.S/Hang", call -> {
                Thread.sleep(Duration.ofMinutes(10).toMillis());
                return null;
            })
            .event("*", event -> { });

    private void start(Filter before) throws Exception {
        tomcat.setBaseDir(folder.toString());
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        var context = tomcat.addContext("", folder.toString());
        if (before != null) {
            var filter = new FilterDef();
            filter.setFilterName("before");
            filter.setFilter(before);
            context.addFilterDef(filter);
            var everywhere = new FilterMap();
            everywhere.setFilterName("before");
            everywhere.addURLPattern("/*");
            context.addFilterMap(everywhere);
        }
        Tomcat.addServlet(context, "callout", new CalloutServlet(hooks));
        context.addServletMappingDecoded("/hooks", "callout");
        tomcat.start();
    }

    @AfterEach
    void stop() throws Exception {
        hooks.close();
        tomcat.stop();
        tomcat.destroy();
    }

    private HttpResponse<String> send(TestDelivery delivery) throws Exception {
        var uri = URI.create("http://127.0.0.1:" + tomcat.getConnector().getLocalPort() + "/hooks");
        var request = HttpRequest.newBuilder(uri).timeout(Duration.ofMinutes(1)).POST(HttpRequest.BodyPublishers.ofByteArray(delivery.body()));
        delivery.headers().map().forEach((name, values) -> {
            if (!name.equalsIgnoreCase("Content-Length")) {
                values.forEach(value -> request.header(name, value));
            }
        });
        return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void requestsAreAnswered() throws Exception {
        start(null);
        var answer = send(TestDelivery.request("/p.S/Echo", Map.of("a", 1)));
        assertEquals("{\"seen\":{\"a\":1}}", answer.body());
        assertEquals("application/json", answer.headers().firstValue("Content-Type").orElseThrow().replace(";charset=UTF-8", ""));
        assertEquals(204, send(TestDelivery.event("a", "1", 1)).statusCode());
        assertEquals(504, send(TestDelivery.request("/p.S/Hang", 1).remaining(Duration.ofMillis(200))).statusCode());
        assertEquals(401, send(TestDelivery.request("/p.S/Echo", 1).signedWith()).statusCode());
        assertEquals(413, send(TestDelivery.request("/p.S/Echo", "x".repeat(1 << 20))).statusCode());
    }

    @Test
    void aBodyThatAFilterReadIsNoticed() throws Exception {
        start((request, response, chain) -> {
            request.getInputStream().readAllBytes();
            chain.doFilter(request, response);
        });
        var answer = send(TestDelivery.request("/p.S/Echo", Map.of("a", 1)));
        assertEquals(500, answer.statusCode());
        assertTrue(answer.body().startsWith("{\"code\":\"body_consumed\","), answer.body());
        assertTrue(lines.get(0).contains("rawBody"), lines.toString());
    }

    @Test
    void aReaderIsNoticedToo() throws Exception {
        start((request, response, chain) -> {
            request.getReader().readLine();
            chain.doFilter(request, response);
        });
        assertTrue(send(TestDelivery.request("/p.S/Echo", Map.of("a", 1))).body().contains("body_consumed"));
    }

    @Test
    void bytesThatAFilterKeptAreTaken() throws Exception {
        start((request, response, chain) -> {
            request.setAttribute(CalloutServlet.RAW_BODY, request.getInputStream().readAllBytes());
            chain.doFilter(request, response);
        });
        assertEquals("{\"seen\":{\"a\":1}}", send(TestDelivery.request("/p.S/Echo", Map.of("a", 1))).body());
    }
}
