package io.github.callouthq.callout.servlet;

import io.github.callouthq.callout.Callout;
import io.github.callouthq.callout.http.Headers;
import io.github.callouthq.callout.http.Response;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;

/**
 * A receiver as a servlet of Jakarta Servlet 5 or later. A filter before it that reads the body makes it answer 500, unless it keeps the bytes in
 * the attribute {@code rawBody} of the request, as a {@code byte[]}.
 */
public final class CalloutServlet extends HttpServlet {
    /** The attribute of a request that holds its body as it came, where a filter had to read it. */
    public static final String RAW_BODY = "rawBody";

    private static final long serialVersionUID = 1L;

    private final transient Callout callout;

    /**
     * Makes a servlet.
     *
     * @param callout the receiver
     */
    public CalloutServlet(Callout callout) {
        this.callout = callout;
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        var answer = answer(request);
        response.setStatus(answer.status());
        answer.headers().forEach(response::setHeader);
        if (answer.body().length > 0) {
            response.setContentLength(answer.body().length);
            response.getOutputStream().write(answer.body());
        }
    }

    private Response answer(HttpServletRequest request) throws IOException {
        var headers = new Headers();
        for (String name : Collections.list(request.getHeaderNames())) {
            Collections.list(request.getHeaders(name)).forEach(value -> headers.add(name, value));
        }
        var method = request.getMethod();
        var path = request.getRequestURI();
        var early = callout.before(method, path, headers);
        if (early != null) {
            return early;
        }
        if (request.getAttribute(RAW_BODY) instanceof byte[] raw) {
            return callout.handle(method, path, headers, raw);
        }
        if (request.getContentLengthLong() > callout.maxBody()) {
            return callout.tooLarge();
        }
        byte[] body;
        try {
            body = request.getInputStream().readNBytes(callout.maxBody() + 1);
        } catch (IllegalStateException e) { // somebody has called getReader
            body = new byte[0];
        }
        if (body.length < request.getContentLengthLong()) {
            return callout.consumed("let no filter before the servlet read the body, or keep its bytes in the attribute rawBody of the request");
        }
        return callout.handle(method, path, headers, body);
    }
}
