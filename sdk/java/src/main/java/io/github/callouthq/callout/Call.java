package io.github.callouthq.callout;

/**
 * A request, before the core handles it. {@link #raw()} and {@link #body()} have it whole.
 *
 * @param <Q> the type of the request
 */
public class Call<Q> extends Delivery {
    private final Lazy<Q> request;

    Call(Delivery delivery, Lazy<Q> request) {
        super(delivery);
        this.request = request;
    }

    /**
     * Gives the request.
     *
     * @return it; null where the body has none
     * @throws IllegalArgumentException if it does not fit the type
     */
    public Q request() {
        return request.get();
    }

    /**
     * Gives the method.
     *
     * @return it, such as {@code /acme.user.v1.UserService/CreateUser}
     */
    public String fullMethod() {
        return name();
    }

    /**
     * Gives who calls.
     *
     * @return the id of the user, "" where the core does not know it
     */
    public String userId() {
        return text("userID");
    }

    /**
     * Gives the organization as the body names it, which is signed.
     *
     * @return its id, "" where the core does not know it
     */
    public String orgId() {
        return text("orgID");
    }

    /**
     * Gives the project.
     *
     * @return its id, "" where the core does not know it
     */
    public String projectId() {
        return text("projectID");
    }
}
