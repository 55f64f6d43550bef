package io.github.callouthq.callout.sign;

/**
 * A request that is genuine.
 *
 * @param body       the JSON as a handler reads it: what came, or what the JWT in it holds
 * @param deliveryId what names the delivery: {@code webhook-id} where Standard Webhooks decided, {@code jti} of a JWT, else
 *                   the header {@code Callout-Delivery-Id} where it is 1 to 255 visible ASCII characters; "" where there is none
 */
public record Verified(byte[] body, String deliveryId) {}
