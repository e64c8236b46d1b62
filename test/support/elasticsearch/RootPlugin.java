import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;

/** The root page, which clients ping: its usual module is not on Maven Central. */
public final class RootPlugin extends Plugin implements ActionPlugin {
  @Override
  public Collection<RestHandler> getRestHandlers(
      RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features) {
    return List.of(new RootPage(nodes));
  }

  private static final class RootPage extends BaseRestHandler {
    private final Supplier<DiscoveryNodes> nodes;

    RootPage(Supplier<DiscoveryNodes> nodes) {
      this.nodes = nodes;
    }

    @Override
    public String getName() {
      return "root_page";
    }

    @Override
    public List<Route> routes() {
      return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
      return channel -> {
        var page = channel.newBuilder();
        page.startObject();
        page.field("name", nodes.get().getLocalNode().getName());
        page.startObject("version");
        page.field("number", Build.current().version());
        page.field("build_flavor", "default");
        page.endObject();
        page.field("tagline", "You Know, for Search");
        page.endObject();
        channel.sendResponse(new RestResponse(RestStatus.OK, page));
      };
    }
  }
}
